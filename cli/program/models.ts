/** `modalmix models`: the registry's versions, and which one is current. */
import { Option, type Command } from 'commander';
import type * as ModelsCommands from '../commands/models.ts';
import type { ModelsFlags } from '../commands/models.ts';
import type { Screen } from '../../runs/screen.ts';
import { withExamples, type RunCommand } from './command.ts';

type Action = (
  commands: typeof ModelsCommands,
  args: readonly (string | undefined)[],
  flags: ModelsFlags,
  screen: Screen,
) => Promise<void>;

/** Adds `models list|show|promote|rollback|report`. */
export function modelsCommand(program: Command, run: RunCommand): void {
  const models = program.command('models').description('versions of a model, and which one is current');
  withExamples(models, 'modalmix models list', 'modalmix models show emotions');
  const add = (words: string, description: string, action: Action) =>
    models
      .command(words)
      .description(description)
      .addOption(new Option('-s, --store <uri>', 'the store (default: file:.modalmix/store)'))
      .addOption(
        new Option('-c, --config <file>', "or a run's config file, whose store it is").conflicts('store'),
      )
      .action(async function (this: Command) {
        await run(this, async (screen) => {
          const commands = await import('../commands/models.ts');
          const args = this.processedArgs as (string | undefined)[];
          await action(commands, args, this.opts<ModelsFlags>(), screen);
        });
      });

  const list = add(
    'list [model]',
    'the versions of a model, or of all',
    async ({ list }, [model], flags, screen) => {
      await list(model, flags, screen);
    },
  );
  withExamples(list, 'modalmix models list', 'modalmix models list emotions --json');
  const show = add(
    'show <model> [version]',
    'one version with its reasons and drift, and the moves; default: the current one',
    async ({ show }, [model, version], flags, screen) => {
      await show(model!, version, flags, screen);
    },
  );
  withExamples(show, 'modalmix models show emotions', 'modalmix models show emotions 4');
  const promote = add(
    'promote <model> <version>',
    'make a version current',
    async ({ promote }, [model, version], flags, screen) => {
      await promote(model!, version!, flags, screen);
    },
  ).option('--reason <text>', 'kept in the log of moves');
  withExamples(promote, 'modalmix models promote emotions 4 --reason "heard by two people"');
  const rollback = add(
    'rollback <model>',
    'undo the newest move; again: the one before it',
    async ({ undo }, [model], flags, screen) => {
      await undo(model!, flags, screen);
    },
  ).option('--reason <text>', 'kept in the log of moves');
  withExamples(rollback, 'modalmix models rollback emotions --reason "worse on new speakers"');
  const report = add(
    'report <model>',
    "write the page of a model's history",
    async ({ report }, [model], flags, screen) => {
      await report(model!, flags, screen);
    },
  );
  withExamples(report, 'modalmix models report emotions --store file:.modalmix/store');
}
