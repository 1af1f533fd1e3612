/** The commands for runs under way: `status`, `ui`, `pause`, `resume`, `cancel`. */
import { Option } from 'commander';
import type { UiFlags } from '../commands/ui.ts';
import { withExamples, type AddCommand, type CommonFlags } from './command.ts';

/** Adds `status|ui|pause|resume|cancel`. */
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
  const ui = add(
    'ui',
    'everything that runs, live, on a page of this machine',
    async (_args, flags: UiFlags, screen) => {
      const { ui } = await import('../commands/ui.ts');
      await ui(flags, screen);
      return undefined;
    },
  );
  ui.option('-p, --port <number>', 'to listen on (default: any free one)')
    .option(
      '--host <address>',
      'of this machine, for others to see it (default: 127.0.0.1, this machine alone)',
    )
    .option('--open', 'in the browser, too')
    .addOption(new Option('-s, --store <uri>', 'shown beside those of runs (default: file:.modalmix/store)'))
    .addOption(
      new Option('-c, --config <file>', "or a run's config file, whose store it is").conflicts('store'),
    );
  withExamples(ui, 'modalmix ui --open', 'modalmix ui --port 8080 --store s3://bucket/prefix');
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
