/** `modalmix infra` and `modalmix stream`: the broker, events, workers' progress and dead letters. */
import { Argument, Option, type Command } from 'commander';
import { TOPICS } from '../../schemas/names.ts';
import type { ConfigFlags } from '../commands/stream/connect.ts';
import type { FollowFlags, TargetFlags } from '../../runs/run-workflows.ts';
import { naming, withExamples, type RunCommand } from './command.ts';
import { setting } from './setting.ts';

interface WorkFlags extends ConfigFlags {
  readonly detach?: boolean;
  readonly ingest: string;
  readonly predict: string;
}

interface SendFlags extends ConfigFlags {
  readonly unlabelled?: boolean;
}

interface ReplayFlags extends ConfigFlags {
  readonly code?: string;
  readonly all?: boolean;
}

const CONFIG = () =>
  new Option(
    '-c, --config <file>',
    "the run's config file, whose dataset the stream feeds",
  ).makeOptionMandatory();

/** Adds `infra up|down`. */
export function infraCommand(program: Command, run: RunCommand): void {
  const infra = program.command('infra').description('the embedded Kafka broker');
  withExamples(infra, 'modalmix infra up');
  const up = infra
    .command('up')
    .description('start the broker that streaming uses; set it up first when it is missing')
    .action(async function (this: Command) {
      await run(this, async (screen) => {
        const { bringUp } = await import('../commands/stream/stream.ts');
        await bringUp(screen);
      });
    });
  withExamples(up, 'modalmix infra up');
  const down = infra
    .command('down')
    .description('stop it; what is on its topics stays')
    .action(async function (this: Command) {
      await run(this, async (screen) => {
        const { bringDown } = await import('../commands/stream/stream.ts');
        await bringDown(screen);
      });
    });
  withExamples(down, 'modalmix infra down');
}

/** Adds `stream send|work|stop|retrain|close-window|status|review|dead-letter`. */
export function streamCommand(program: Command, run: RunCommand): void {
  const stream = program.command('stream').description('clips that arrive on Kafka');
  withExamples(
    stream,
    'modalmix stream work all --detach --config stream.yaml  # takes what arrives',
    'modalmix stream send new-clips/ --config stream.yaml',
    'modalmix stream retrain stream.yaml --detach  # keeps a model trained with it',
  );
  const send = stream
    .command('send <source>')
    .description(`send an event for each clip of a folder or CSV file to ${TOPICS.clips}`)
    .addOption(CONFIG())
    .addOption(setting())
    .option('--unlabelled', 'the clips of a folder are to be predicted: no folder of it is a class')
    .action(async function (this: Command, source: string, flags: SendFlags) {
      await run(this, async (screen) => {
        const { send } = await import('../commands/stream/stream.ts');
        await send(source, flags, screen);
      });
    });
  withExamples(
    send,
    'modalmix stream send new-clips/ --config stream.yaml',
    'modalmix stream send new-clips.csv --config stream.yaml',
    'modalmix stream send inbox/ --unlabelled --config stream.yaml  # to be answered, not learned from',
  );
  const work = stream
    .command('work')
    .addArgument(naming(new Argument('<role>'), ['ingest', 'sink', 'predict', 'all']))
    .description(
      'work until stopped, in the foreground; the role is ingest, sink, predict, or all (each started again when it dies)',
    )
    .addOption(CONFIG())
    .addOption(setting())
    .option('--detach', 'of "all": let the supervisor keep them running, also after a restart of the machine')
    .option('--ingest <count>', 'of "all": ingest workers', '1')
    .option('--predict <count>', 'of "all": workers that answer by the registry\'s current version', '0')
    .action(async function (this: Command, role: string, flags: WorkFlags) {
      await run(this, async (screen) => {
        const { work } = await import('../commands/stream/stream-work.ts');
        await work(role, flags, screen);
      });
    });
  withExamples(
    work,
    'modalmix stream work all --detach --config stream.yaml',
    'modalmix stream work ingest --config stream.yaml  # as many as you like; of the sink one a dataset',
    'modalmix stream work predict --config stream.yaml  # answers on modalmix.predictions; as many as you like',
  );
  const stop = stream
    .command('stop')
    .description(
      'end the workers that the supervisor keeps; what is under way is finished and published first',
    )
    .addOption(CONFIG())
    .addOption(setting())
    .action(async function (this: Command, flags: ConfigFlags) {
      await run(this, async (screen) => {
        const { stopWork } = await import('../commands/stream/stream-work.ts');
        await stopWork(flags, screen);
      });
    });
  withExamples(stop, 'modalmix stream stop --config stream.yaml');
  const retrain = stream
    .command('retrain <target>')
    .description('keep a model trained: fine-tune, compare and decide at each window of new clips')
    .option('--detach', 'start it and leave it running')
    .addOption(setting())
    .action(async function (this: Command, target: string, flags: FollowFlags) {
      await run(this, async (screen) => {
        const { retrain } = await import('../commands/stream/retrain.ts');
        await retrain(target, flags, screen);
      });
    });
  withExamples(retrain, 'modalmix stream retrain stream.yaml --detach');
  const close = stream
    .command('close-window <target>')
    .description('let the retraining take the new clips that are there now')
    .addOption(setting())
    .action(async function (this: Command, target: string, flags: TargetFlags) {
      await run(this, async (screen) => {
        const { closeWindow } = await import('../commands/stream/retrain.ts');
        await closeWindow(target, flags, screen);
      });
    });
  withExamples(close, 'modalmix stream close-window stream.yaml');
  const status = stream
    .command('status')
    .description('lag by partition, and what is in the shards')
    .addOption(CONFIG())
    .addOption(setting())
    .action(async function (this: Command, flags: ConfigFlags) {
      await run(this, async (screen) => {
        const { status } = await import('../commands/stream/stream.ts');
        await status(flags, screen);
      });
    });
  withExamples(status, 'modalmix stream status --config stream.yaml');
  reviewCommand(stream, run);
  deadLetterCommand(stream, run);
}

function reviewCommand(stream: Command, run: RunCommand): void {
  const review = stream.command('review').description('clips whose label would teach the model something');
  withExamples(review, 'modalmix stream review list --config stream.yaml');
  const list = review
    .command('list')
    .description('those that nobody has labelled yet, and why they are asked about')
    .addOption(CONFIG())
    .addOption(setting())
    .action(async function (this: Command, flags: ConfigFlags) {
      await run(this, async (screen) => {
        const { listReviews } = await import('../commands/stream/review.ts');
        await listReviews(flags, screen);
      });
    });
  withExamples(list, 'modalmix stream review list --config stream.yaml');
  const label = review
    .command('label <clip> <label>')
    .description("send a listed clip's event again with its label, so that it is learned from")
    .addOption(CONFIG())
    .addOption(setting())
    .action(async function (this: Command, clip: string, label: string, flags: ConfigFlags) {
      await run(this, async (screen) => {
        const { labelClip } = await import('../commands/stream/review.ts');
        await labelClip(clip, label, flags, screen);
      });
    });
  withExamples(label, 'modalmix stream review label speaker-7/clip-12.mp4 happy --config stream.yaml');
}

function deadLetterCommand(stream: Command, run: RunCommand): void {
  const letters = stream.command('dead-letter').description('events that could not be used');
  withExamples(letters, 'modalmix stream dead-letter list --config stream.yaml');
  const list = letters
    .command('list')
    .description('those that were not sent again yet')
    .addOption(CONFIG())
    .addOption(setting())
    .action(async function (this: Command, flags: ConfigFlags) {
      await run(this, async (screen) => {
        const { listLetters } = await import('../commands/stream/stream.ts');
        await listLetters(flags, screen);
      });
    });
  withExamples(list, 'modalmix stream dead-letter list --config stream.yaml');
  const replay = letters
    .command('replay [places...]')
    .description('send them again; a place is topic/partition/offset as the list shows it')
    .addOption(CONFIG())
    .addOption(setting())
    .option('--code <code>', 'all with this reason')
    .option('--all', 'all of them')
    .action(async function (this: Command, places: string[], flags: ReplayFlags) {
      await run(this, async (screen) => {
        const { replayLetters } = await import('../commands/stream/stream.ts');
        await replayLetters(places, flags, screen);
      });
    });
  withExamples(
    replay,
    'modalmix stream dead-letter replay --code missing-file --config stream.yaml',
    'modalmix stream dead-letter replay modalmix.clips/0/17 --config stream.yaml',
  );
}
