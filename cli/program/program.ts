/** The command line of `modalmix`. */
import { Command, CommanderError, Option } from 'commander';
import { modalmixVersion } from '../../infra/package-version.ts';
import { EXIT_CODES, ModalmixError, describeError, exitCodeOf } from '../../schemas/errors.ts';
import { modelsCommand } from './models.ts';
import { recipeCommand } from './recipe.ts';
import type { ExportFlags } from '../commands/export.ts';
import type { PredictFlags } from '../commands/predict.ts';
import type { UninstallFlags } from '../commands/uninstall.ts';
import type { Screen } from '../screens/screen.ts';
import { openScreen } from '../screens/open-screen.ts';
import { dryRunning, setting } from './setting.ts';
import { infraCommand, streamCommand, type RunCommand } from './stream.ts';
import { printable } from '../../schemas/printable.ts';

interface CommonFlags {
  readonly json?: boolean;
  readonly verbose?: boolean;
}

interface RunFlags extends CommonFlags {
  readonly detach?: boolean;
  readonly set?: readonly string[];
  readonly dryRun?: boolean;
}

interface DemoFlags extends RunFlags {
  readonly stream?: boolean;
}

interface TrainFlags extends RunFlags {
  readonly fromStream?: boolean;
  readonly offsets?: string;
}

interface WorkerFlags extends CommonFlags {
  readonly queues: string;
  readonly slots?: string;
  readonly metrics?: string;
  readonly readyFile?: string;
}

const TARGET = 'a config file, or a folder with one folder of clips a class';

/**
 * @param argv the words after `modalmix`
 * @returns the exit code (`schemas/errors.ts`)
 */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('modalmix')
    .description('From labelled video clips to a trained, balanced multimodal classifier.')
    .version(modalmixVersion())
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .addOption(new Option('--json', 'one JSON object a line, for scripts'))
    .addOption(new Option('--verbose', 'show where an error comes from'));
  let exitCode: number = EXIT_CODES.ok;

  /** Opens a screen for the command's work; the exit code is the work's, or that of its error. */
  const perform = async (
    called: Command,
    action: (screen: Screen) => Promise<number | undefined>,
  ): Promise<void> => {
    const flags = called.optsWithGlobals<CommonFlags>();
    const screen = openScreen(flags);
    try {
      exitCode = (await action(screen)) ?? EXIT_CODES.ok;
    } catch (error) {
      screen.close();
      exitCode = tellError(error, flags, screen);
    }
  };

  /** Each command's module is loaded only when it is called, so that `--help` is quick. */
  const command = (
    words: string,
    description: string,
    action: (args: readonly string[], flags: never, screen: Screen) => Promise<number | undefined>,
  ) =>
    program
      .command(words)
      .description(description)
      .action(async function (this: Command) {
        await perform(
          this,
          async (screen) =>
            await action(
              this.processedArgs as string[],
              this.optsWithGlobals<CommonFlags>() as never,
              screen,
            ),
        );
      });

  command(
    'run <target>',
    `the whole job; the target is ${TARGET}`,
    async ([target], flags: RunFlags, screen) => {
      if (flags.dryRun === true) {
        const { dryRun } = await import('../dry-run/dry-run.ts');
        await dryRun('run', target!, flags, screen);
        return undefined;
      }
      const { run } = await import('../commands/run.ts');
      await run(target!, flags, screen);
      return undefined;
    },
  )
    .option('--detach', 'start it and leave it running')
    .addOption(dryRunning())
    .addOption(setting());

  command(
    'experiment <file>',
    'a matrix of datasets, methods, fusions and seeds: one table, one page',
    async ([file], flags: RunFlags, screen) => {
      if (flags.dryRun === true) {
        const { dryRunExperiment } = await import('../dry-run/dry-run.ts');
        await dryRunExperiment(file!, flags, screen);
        return undefined;
      }
      const { experiment } = await import('../commands/experiment.ts');
      await experiment(file!, flags, screen);
      return undefined;
    },
  )
    .option('--detach', 'start it and leave it running')
    .addOption(dryRunning())
    .addOption(setting());

  command(
    'search <file>',
    'hyper-parameters drawn from a space, the best of each method by the validation split',
    async ([file], flags: RunFlags, screen) => {
      const { search } = await import('../commands/search.ts');
      await search(file!, flags, screen);
      return undefined;
    },
  ).option('--detach', 'start it and leave it running');

  command(
    'rebuild <target>',
    'extract features and publish the dataset',
    async ([target], flags: RunFlags, screen) => {
      if (flags.dryRun === true) {
        const { dryRun } = await import('../dry-run/dry-run.ts');
        await dryRun('rebuild', target!, flags, screen);
        return undefined;
      }
      const { rebuild } = await import('../commands/rebuild.ts');
      await rebuild(target!, flags, screen);
      return undefined;
    },
  )
    .option('--detach', 'start it and leave it running')
    .addOption(dryRunning())
    .addOption(setting());

  command(
    'train <target>',
    'train each method and seed on the dataset built last',
    async ([target], flags: TrainFlags, screen) => {
      if (flags.dryRun === true) {
        const { dryRun } = await import('../dry-run/dry-run.ts');
        await dryRun('train', target!, flags, screen);
        return undefined;
      }
      const { trainFromStream } = await import('../commands/stream/train-from-stream.ts');
      const { trainOrEvaluate } = await import('../commands/train.ts');
      if (flags.fromStream === true || flags.offsets !== undefined) {
        await trainFromStream(target!, flags, screen);
      } else await trainOrEvaluate('train', target!, flags, screen);
      return undefined;
    },
  )
    .option('--detach', 'start it and leave it running')
    .addOption(dryRunning().conflicts(['fromStream', 'offsets']))
    .addOption(setting())
    .option(
      '--from-stream',
      'train and evaluate on what is on the features topic; the target is a config file',
    )
    .option(
      '--offsets <ranges>',
      'of it: partition:from-to,… ("to" not included); default: all that is there',
    );

  command(
    'evaluate <target>',
    'evaluate each method and seed on the dataset built last',
    async ([target], flags: RunFlags, screen) => {
      const { trainOrEvaluate } = await import('../commands/train.ts');
      await trainOrEvaluate('evaluate', target!, flags, screen);
      return undefined;
    },
  )
    .option('--detach', 'start it and leave it running')
    .addOption(setting());

  command(
    'report <target>',
    "write a run's report again; the target is its id, config file or folder",
    async ([target], flags: RunFlags, screen) => {
      const { report } = await import('../commands/report.ts');
      await report(target!, flags, screen);
      return undefined;
    },
  ).addOption(setting());

  ofRun(
    command(
      'export [target]',
      'a trained model for other programs; the target is a run, a training or a model[@version]',
      async ([target], flags: ExportFlags, screen) => {
        const { exportCommand } = await import('../commands/export.ts');
        await exportCommand(target, flags, screen);
        return undefined;
      },
    ),
  )
    .requiredOption('-f, --format <name>', 'savedmodel, tfjs or safetensors')
    .requiredOption('-o, --out <folder>', 'a new folder, or an earlier export, which is replaced');

  choosingModel(
    command(
      'predict <clip...>',
      'class probabilities of clips, by the fused model and each branch; clips are files or folders',
      async (targets, flags: PredictFlags, screen) => {
        const { predict } = await import('../commands/predict.ts');
        return await predict(targets.flat(), flags, screen);
      },
    ),
  ).option('--classes', 'every class of each clip, as for a single one');

  command(
    'status [runId]',
    'the runs, or the stages of one',
    async ([runId], _flags: CommonFlags, screen) => {
      const { status } = await import('../commands/status.ts');
      await status(runId, screen);
      return undefined;
    },
  );

  for (const [name, description] of [
    ['pause', 'let a run rest; nothing is lost'],
    ['resume', 'let a paused run go on'],
    ['cancel', 'stop a run; what is done is kept'],
  ] as const) {
    command(`${name} <runId>`, description, async ([runId], _flags: CommonFlags, screen) => {
      const { controlRun } = await import('../commands/control.ts');
      await controlRun(name, runId!, screen);
      return undefined;
    });
  }

  command('worker', 'work for runs until stopped, in the foreground', async (_args, flags: WorkerFlags) => {
    const { work } = await import('../commands/worker.ts');
    await work(flags);
    return undefined;
  })
    .option('--queues <names>', 'of media, training, control', 'media,training,control')
    .option('--slots <counts>', 'work at a time, e.g. media=2,training=1')
    .option('--metrics <host:port>', 'where Prometheus may read metrics')
    .option('--ready-file <path>', 'a file that is there while the worker takes work, for a readiness probe');

  // Done before anything is loaded, by `cli/modalmix.mjs`.
  program
    .command('setup')
    .description(
      'put in place what is missing: --for=run (default) or stream, --engine=auto, cpu, gpu or webgpu',
    );

  command(
    'doctor',
    'what is installed, what is missing, what mends it',
    async (_args, flags: CommonFlags) => {
      const { doctor } = await import('../doctor/doctor.ts');
      return await doctor({ json: flags.json === true });
    },
  );

  command(
    'uninstall',
    'remove what set-up has fetched and made; it asks first, and leaves runs and models alone',
    async (_args, flags: UninstallFlags) => {
      const { uninstall } = await import('../commands/uninstall.ts');
      await uninstall(flags);
      return undefined;
    },
  ).option('--yes', 'without asking');

  command(
    'demo',
    'the whole job on embedded data: spoken and drawn digits',
    async (_args, flags: DemoFlags, screen) => {
      if (flags.stream === true) {
        const { demoStream } = await import('../commands/stream/demo-stream.ts');
        await demoStream(screen);
        return undefined;
      }
      const { demo } = await import('../commands/demo.ts');
      await demo(flags, screen);
      return undefined;
    },
  )
    .option('--detach', 'start it and leave it running')
    .addOption(setting())
    .addOption(
      new Option('--stream', 'the same kept trained: clips arrive on Kafka, the model learns them').conflicts(
        'set',
      ),
    );

  const performStream: RunCommand = async (called, action) => {
    await perform(called, async (screen) => {
      await action(screen);
      return undefined;
    });
  };
  infraCommand(program, performStream);
  streamCommand(program, performStream);
  modelsCommand(program, performStream);
  recipeCommand(program, performStream);

  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.badInput;
  }
  return exitCode;
}

/** Adds the options by which a command's model is found. */
function choosingModel(command: Command): Command {
  return ofRun(
    command
      .addOption(new Option('-r, --run <id>', 'a run, or one training (default: the run that ended last)'))
      .addOption(
        new Option('-m, --model <name>', "a registered model's current version, or name@version").conflicts(
          'run',
        ),
      ),
  );
}

/** Adds the options for which of a run's trainings is meant, and where it is. */
function ofRun(command: Command): Command {
  return command
    .option('--method <name>', "of the run's methods (default: its first)")
    .option('--seed <number>', "of the run's seeds (default: its first)")
    .addOption(new Option('-s, --store <uri>', 'the store (default: file:.modalmix/store)'))
    .addOption(
      new Option('-c, --config <file>', "or a run's config file: its store and its run").conflicts('store'),
    )
    .addOption(setting());
}

function tellError(error: unknown, flags: CommonFlags, screen: Screen): number {
  const kind = error instanceof ModalmixError ? error.kind : 'internal';
  if (flags.json === true) {
    const facts = error instanceof ModalmixError ? { where: error.where, fix: error.fix } : {};
    const message = error instanceof Error ? error.message : String(error);
    screen.event('error', { kind, message, ...facts });
  } else {
    process.stderr.write(`error: ${describeError(error)}\n`);
    if (kind === 'internal' && flags.verbose !== true) process.stderr.write('  (more with --verbose)\n');
  }
  if (flags.verbose === true && error instanceof Error)
    process.stderr.write(`${printable(error.stack ?? '')}\n`);
  return exitCodeOf(kind);
}
