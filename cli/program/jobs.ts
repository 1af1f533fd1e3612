/** The commands from clips to a report, and those that compare: `run`, its stages, `demo`, `experiment`, `search`. */
import { Option, type Command } from 'commander';
import type { Screen } from '../../runs/screen.ts';
import { withExamples, type AddCommand, type CommonFlags } from './command.ts';
import { dryRunning, setting } from './setting.ts';

interface RunFlags extends CommonFlags {
  readonly detach?: boolean;
  readonly set?: readonly string[];
  readonly dryRun?: boolean;
  readonly open?: boolean;
}

interface DemoFlags extends RunFlags {
  readonly stream?: boolean;
}

interface TrainFlags extends RunFlags {
  readonly fromStream?: boolean;
  readonly offsets?: string;
}

const TARGET = 'a config file, or a folder with one folder of clips a class';

/** Does a job's work, or with `--dry-run` says what it would do. */
function unlessDry<Flags extends RunFlags>(
  job: 'run' | 'rebuild' | 'train',
  work: (target: string, flags: Flags, screen: Screen) => Promise<void>,
) {
  return async ([target]: readonly string[], flags: Flags, screen: Screen): Promise<undefined> => {
    if (flags.dryRun === true) {
      const { dryRun } = await import('../dry-run/dry-run.ts');
      await dryRun(job, target!, flags, screen);
    } else await work(target!, flags, screen);
  };
}

/** Adds `demo`. */
export function demoCommand(add: AddCommand): void {
  const demo = add(
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
  );
  detachable(demo)
    .addOption(setting())
    .addOption(
      new Option('--stream', 'the same kept trained: clips arrive on Kafka, the model learns them').conflicts(
        'set',
      ),
    );
  withExamples(demo, 'modalmix demo', 'modalmix demo --set training.epochs=3', 'modalmix demo --stream');
}

/** Adds `run|rebuild|train|evaluate|report`. */
export function jobCommands(add: AddCommand): void {
  const run = add(
    'run <target>',
    `the whole job; the target is ${TARGET}`,
    unlessDry('run', async (target, flags: RunFlags, screen) => {
      const { run } = await import('../commands/run.ts');
      await run(target, flags, screen);
    }),
  );
  detachable(run)
    .addOption(dryRunning())
    .addOption(setting())
    .addOption(new Option('--open', 'and watch it on a page in the browser').conflicts(['detach', 'dryRun']));
  withExamples(
    run,
    'modalmix run clips  # writes clips.modalmix.yaml, to be changed and run again',
    'modalmix run clips.modalmix.yaml --dry-run',
    "modalmix run clips.modalmix.yaml --set training.epochs=3 --set 'training.methods=[joint, b-mm]'",
  );

  const rebuild = add(
    'rebuild <target>',
    'extract features and publish the dataset',
    unlessDry('rebuild', async (target, flags: RunFlags, screen) => {
      const { rebuild } = await import('../commands/rebuild.ts');
      await rebuild(target, flags, screen);
    }),
  );
  detachable(rebuild).addOption(dryRunning()).addOption(setting());
  withExamples(
    rebuild,
    'modalmix rebuild clips.modalmix.yaml',
    'modalmix rebuild clips.modalmix.yaml --detach',
  );

  const train = add(
    'train <target>',
    'train each method and seed on the dataset built last',
    unlessDry('train', async (target, flags: TrainFlags, screen) => {
      const { trainFromStream } = await import('../commands/stream/train-from-stream.ts');
      const { trainOrEvaluate } = await import('../commands/train.ts');
      if (flags.fromStream === true || flags.offsets !== undefined) {
        await trainFromStream(target, flags, screen);
      } else await trainOrEvaluate('train', target, flags, screen);
    }),
  );
  detachable(train)
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
  withExamples(
    train,
    "modalmix train clips.modalmix.yaml --set 'training.seeds=[0, 1, 2]'",
    'modalmix train stream.yaml --from-stream --offsets 0:0-120,1:0-98',
  );

  const evaluate = add(
    'evaluate <target>',
    'evaluate each method and seed on the dataset built last',
    async ([target], flags: RunFlags, screen) => {
      const { trainOrEvaluate } = await import('../commands/train.ts');
      await trainOrEvaluate('evaluate', target!, flags, screen);
      return undefined;
    },
  );
  detachable(evaluate).addOption(setting());
  withExamples(evaluate, 'modalmix evaluate clips.modalmix.yaml');

  const report = add(
    'report <target>',
    "write a run's report again; the target is its id, config file or folder",
    async ([target], flags: RunFlags, screen) => {
      const { report } = await import('../commands/report.ts');
      await report(target!, flags, screen);
      return undefined;
    },
  ).addOption(setting());
  withExamples(report, 'modalmix report clips.modalmix.yaml');
}

/** Adds `experiment|search`. */
export function comparingCommands(add: AddCommand): void {
  const experiment = add(
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
  );
  detachable(experiment).addOption(dryRunning()).addOption(setting());
  withExamples(
    experiment,
    'modalmix experiment experiment.yaml --dry-run',
    'modalmix experiment experiment.yaml --set base.training.epochs=3',
  );

  const search = add(
    'search <file>',
    'hyper-parameters drawn from a space, the best of each method by the validation split',
    async ([file], flags: RunFlags, screen) => {
      const { search } = await import('../commands/search.ts');
      await search(file!, flags, screen);
      return undefined;
    },
  );
  detachable(search);
  withExamples(search, 'modalmix search search.yaml');
}

function detachable(command: Command): Command {
  return command.option('--detach', 'start it and leave it running');
}
