/** `modalmix verify`, `repair`, `gc` and `migrate`: a store's files, and what refers to what. */
import { Option } from 'commander';
import type * as UpkeepCommands from '../commands/upkeep.ts';
import type { GcFlags, MigrateFlags } from '../commands/upkeep.ts';
import type { Screen } from '../../runs/screen.ts';
import { withExamples, type AddCommand } from './command.ts';

type Work = (
  commands: typeof UpkeepCommands,
  flags: GcFlags & MigrateFlags,
  screen: Screen,
) => Promise<number>;

/** Adds `verify`, `repair`, `gc` and `migrate`. */
export function upkeepCommands(add: AddCommand): void {
  const ofStore = (name: string, description: string, work: Work) =>
    add(
      name,
      description,
      async (_args, flags: GcFlags & MigrateFlags, screen) =>
        await work(await import('../commands/upkeep.ts'), flags, screen),
    )
      .addOption(new Option('-s, --store <uri>', 'the store (default: file:.modalmix/store)'))
      .addOption(
        new Option('-c, --config <file>', "or a run's config file, whose store it is").conflicts('store'),
      );

  withExamples(
    ofStore(
      'verify',
      'every file of a store against its hash and what refers to it; exit code 1 where something is wrong',
      async ({ verify }, flags, screen) => await verify(flags, screen),
    ),
    'modalmix verify',
    'modalmix verify --config clips.modalmix.yaml  # of the store that a run uses',
  );
  withExamples(
    ofStore(
      'repair',
      'make again what verify finds and can be made again; what is damaged is set aside in the store',
      async ({ repair }, flags, screen) => await repair(flags, screen),
    ),
    'modalmix repair',
  );
  withExamples(
    ofStore(
      'gc',
      'list what no run, model, snapshot or stream needs, and with --delete remove it',
      async ({ gc }, flags, screen) => await gc(flags, screen),
    )
      .option('--delete', 'remove it')
      .option('--older-than <hours>', 'what was written later is kept, as it may be of running work', '24'),
    'modalmix gc  # what could be removed, and why',
    'modalmix gc --delete --older-than 72',
  );
  withExamples(
    ofStore(
      'migrate',
      'list what an earlier release wrote in another form, and with --apply write it as it is written now',
      async ({ migrate }, flags, screen) => await migrate(flags, screen),
    ).option('--apply', 'write it'),
    'modalmix migrate  # what would be written, and why',
    'modalmix migrate --apply',
  );
}
