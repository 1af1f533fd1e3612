/** `modalmix schedule`: runs by the clock. */
import { Option, type Command } from 'commander';
import { OVERLAPS } from '../../schemas/schedules.ts';
import type { AddFlags } from '../commands/schedule.ts';
import { naming, withExamples, type RunCommand } from './command.ts';
import { setting } from './setting.ts';

/** Adds `schedule add|list|pause|resume|remove`. */
export function scheduleCommand(program: Command, run: RunCommand): void {
  const schedule = program.command('schedule').description('runs by the clock');
  withExamples(schedule, 'modalmix schedule add clips.yaml --cron "0 3 * * *"', 'modalmix schedule list');
  const add = schedule
    .command('add <target>')
    .description('rebuild and train whenever it is time; nothing is trained where no clip is new')
    .requiredOption('--cron <expression>', '"minute hour day month weekday"')
    .option('--timezone <name>', 'of the expression, e.g. Europe/Berlin (default: UTC)')
    .addOption(
      naming(new Option('--overlap <policy>', 'when the run before has not ended (default: skip)'), OVERLAPS),
    )
    .option('--close-window', 'close the open window of its retraining instead')
    .addOption(setting())
    .action(async function (this: Command, target: string, flags: AddFlags) {
      await run(this, async (screen) => {
        const { add } = await import('../commands/schedule.ts');
        await add(target, flags, screen);
      });
    });
  withExamples(
    add,
    'modalmix schedule add clips.yaml --cron "0 3 * * *" --timezone Europe/Berlin',
    'modalmix schedule add stream.yaml --cron "*/30 * * * *" --close-window',
  );
  const list = schedule
    .command('list')
    .description('what is scheduled: last and next times, state, overlap')
    .action(async function (this: Command) {
      await run(this, async (screen) => {
        const { list } = await import('../commands/schedule.ts');
        await list(screen);
      });
    });
  withExamples(list, 'modalmix schedule list', 'modalmix schedule list --json');
  for (const [name, description] of [
    ['pause', 'start nothing until resumed; a run under way goes on'],
    ['resume', 'let a paused schedule start runs again'],
    ['remove', 'start nothing any more; a run under way goes on'],
  ] as const) {
    const one = schedule
      .command(`${name} <runId>`)
      .description(description)
      .action(async function (this: Command, runId: string) {
        await run(this, async (screen) => {
          const { change, remove } = await import('../commands/schedule.ts');
          await (name === 'remove' ? remove(runId, screen) : change(name, runId, screen));
        });
      });
    withExamples(one, `modalmix schedule ${name} clips-1a2b3c4d  # the id is in "modalmix schedule list"`);
  }
}
