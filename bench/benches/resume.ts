/** What safety costs a training: its checkpoints, and the time that a kill takes from it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomGenerator } from '../../pipelines/random/generator.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { runTraining } from '../../pipelines/training/run-training.ts';
import { trainingSpecs } from '../../pipelines/training/training-spec.ts';
import { runConfigSchema } from '../../schemas/config/config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import type { TrainingSpec } from '../../schemas/training.ts';
import type { Bench, BenchContext } from '../harness/bench.ts';
import { median, type Figure } from '../harness/figure.ts';
import { withHome } from '../harness/with-home.ts';
import { killWorker } from '../orchestration/killed-worker.ts';
import { publishNoise } from './training-data.ts';

const BATCH = 8;
const QUICK_BATCH = 2;
const THREADS = 2;
const EVERY_STEPS = 4;
/** The training is killed after one of these steps, at any moment of the next. */
const FIRST_KILL = 6;
const LAST_KILL = 11;
const STEPS = LAST_KILL + 2;
/** The pause before the workflow's first retry (`workflows/activity-proxies.ts`). */
const RETRY_AFTER_MS = 200;
const MOST_SHARE_PERCENT = 1;
const MOST_LOST_S = 5;

export const bench: Bench = {
  title: 'Checkpoints and kills',
  method:
    'Two ResNet-18s (257×188×1 and 224×224×3), SGD with momentum, batch 8, float32, 2 threads, store on the local disk, ' +
    `trained by \`runTraining\` with a checkpoint every ${String(EVERY_STEPS)} steps. A checkpoint’s cost is what the step ` +
    'after it takes longer than others, as a share of the default interval. kill -9 of the training process at a random ' +
    'moment, then the workflow’s pause and a new process, until the step that was reached is reached again: lost is that ' +
    'time without the steps that are done again, at the median step’s time. The same for the worker, by the product’s ' +
    'workflow, server and supervisor: from its kill until the next checkpoint, without the time between two.',
  measure,
};

interface Struck {
  readonly checkpointMs: number;
  readonly stepMs: number;
  readonly lostS: number;
  readonly repeated: number;
}

async function measure({ quick, rounds, scratch, say }: BenchContext): Promise<Figure[]> {
  const batchSize = quick ? QUICK_BATCH : BATCH;
  const { storeUri, manifest } = await publishNoise(scratch, batchSize * STEPS);
  const struck: Struck[] = [];
  const lostByWorkerS: number[] = [];
  let defaultEvery = NaN;
  for (let round = 0; round < rounds; round += 1) {
    const config = (checkpoint: object) =>
      runConfigSchema.parse({
        name: 'bench',
        dataset: { format: 'folder', root: 'clips' },
        extraction: { video: { frames: 1 } },
        training: { methods: ['b-mm'], seeds: [round], epochs: 1, batchSize, threads: THREADS, checkpoint },
      });
    defaultEvery = config({}).training.checkpoint.everySteps;
    const spec = trainingSpecs(config({ everySteps: EVERY_STEPS }), manifest)[0]!;
    const one = await strike(storeUri, spec, round);
    say(
      `step ${one.stepMs.toFixed(0)} ms, checkpoint ${one.checkpointMs.toFixed(0)} ms; ` +
        `${String(one.repeated)} steps again, ${one.lostS.toFixed(1)} s lost beside them`,
    );
    struck.push(one);
    const workerless = await withHome(
      join(scratch, `home-${String(round)}`),
      async () =>
        await killWorker(
          { ...config({ everySteps: EVERY_STEPS }), name: 'bench-worker', store: storeUri },
          manifest,
          randomGenerator(round, 'bench/kill-worker').uniform(),
        ),
    );
    say(
      `worker: ${workerless.lostS.toFixed(1)} s lost, ${workerless.intervalS.toFixed(1)} s between checkpoints`,
    );
    lostByWorkerS.push(workerless.lostS);
    await openStore(storeUri).delete(storePaths.checkpoints(spec.trainingId));
  }
  const lower = (name: string, unit: string, ours: number[], limit?: number): Figure => ({
    ...{ name, unit, better: 'lower', ours },
    ...(limit === undefined ? {} : { goal: { limit } }),
  });
  return [
    lower(
      `Checkpoints, of a training’s time (every ${String(defaultEvery)} steps)`,
      '%',
      struck.map(({ checkpointMs, stepMs }) => (100 * checkpointMs) / (defaultEvery * stepMs)),
      MOST_SHARE_PERCENT,
    ),
    lower(
      'A checkpoint of 180 MB',
      'ms',
      struck.map(({ checkpointMs }) => checkpointMs),
    ),
    lower(
      'Lost by kill -9, beside the steps since the checkpoint',
      's',
      struck.map(({ lostS }) => lostS),
      MOST_LOST_S,
    ),
    lower(
      'Lost by kill -9 of the worker, beside the steps since the checkpoint',
      's',
      lostByWorkerS,
      MOST_LOST_S,
    ),
  ];
}

async function strike(storeUri: string, spec: TrainingSpec, round: number): Promise<Struck> {
  const random = randomGenerator(round, 'bench/kill');
  const killAfter = FIRST_KILL + random.integer(LAST_KILL - FIRST_KILL + 1);
  const at: number[] = [];
  let killedAt = NaN;
  let killing: Promise<void> | undefined;
  const died = runTraining({
    storeUri,
    spec,
    onProgress: ({ done }) => {
      at[done] = performance.now();
      if (done !== killAfter) return;
      const stepMs = at[done] - at[done - 1]!;
      killing = sleep(random.uniform() * stepMs).then(() => {
        killedAt = performance.now();
        process.kill(trainingProcess(), 'SIGKILL');
      });
    },
  });
  await expectTransient(died);
  await killing;
  await sleep(RETRY_AFTER_MS);

  let resumedAfter = NaN;
  let regainedAt = NaN;
  const stop = new AbortController();
  const resumed = runTraining({
    storeUri,
    spec,
    signal: stop.signal,
    onProgress: ({ done }) => {
      if (Number.isNaN(resumedAfter)) resumedAfter = done - 1;
      if (done < killAfter || !Number.isNaN(regainedAt)) return;
      regainedAt = performance.now();
      stop.abort();
    },
  });
  await expectStopped(resumed);
  // The first step has TensorFlow's own start in it.
  const steps = Array.from({ length: killAfter - 2 }, (_, i) => ({
    ms: at[i + 3]! - at[i + 2]!,
    afterCheckpoint: (i + 2) % EVERY_STEPS === 0,
  }));
  const stepMs = median(steps.filter(({ afterCheckpoint }) => !afterCheckpoint).map(({ ms }) => ms));
  const slow = median(steps.filter(({ afterCheckpoint }) => afterCheckpoint).map(({ ms }) => ms));
  const repeated = killAfter - resumedAfter;
  return {
    checkpointMs: Math.max(0, slow - stepMs),
    stepMs,
    repeated,
    lostS: (regainedAt - killedAt - repeated * stepMs) / 1_000,
  };
}

/** The child of this process that trains. */
function trainingProcess(): number {
  const pid = String(process.pid);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  const found = children.find((child) =>
    readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('trainer-child'),
  );
  if (found === undefined) throw new Error('no child of this process trains');
  return Number(found);
}

async function expectTransient(training: Promise<unknown>): Promise<void> {
  try {
    await training;
  } catch (error) {
    if (error instanceof ModalmixError && error.kind === 'transient') return;
    throw error;
  }
  throw new Error('the training ended before it was killed');
}

/** Or done, when the stop came at its last step. */
async function expectStopped(training: Promise<unknown>): Promise<void> {
  try {
    await training;
  } catch (error) {
    if (!(error instanceof ModalmixError && error.kind === 'cancelled')) throw error;
  }
}
