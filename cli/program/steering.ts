/** The commands for runs under way: `status`, `pause`, `resume`, `cancel`. */
import { withExamples, type AddCommand, type CommonFlags } from './command.ts';

/** Adds `status|pause|resume|cancel`. */
export function steeringCommands(add: AddCommand): void {
  const status = add(
    'status [runId]',
    'the runs, or the stages of one',
    async ([runId], _flags: CommonFlags, screen) => {
      const { status } = await import('../commands/status.ts');
      await status(runId, screen);
      return undefined;
    },
  );
  withExamples(status, 'modalmix status', 'modalmix status clips-1a2b3c4d --json');
  for (const [name, description] of [
    ['pause', 'let a run rest; nothing is lost'],
    ['resume', 'let a paused run go on'],
    ['cancel', 'stop a run; what is done is kept'],
  ] as const) {
    const control = add(`${name} <runId>`, description, async ([runId], _flags: CommonFlags, screen) => {
      const { controlRun } = await import('../commands/control.ts');
      await controlRun(name, runId!, screen);
      return undefined;
    });
    withExamples(control, `modalmix ${name} clips-1a2b3c4d  # the id is in "modalmix status"`);
  }
}
