/** Activities that a test scripts: the work they stand for, without media or TensorFlow. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runStage } from '../../activities/run-stage.ts';
import type { MethodName } from '../../schemas/config/methods.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { progressKeys } from '../../schemas/workflows.ts';
import type { ScriptedActivities } from '../support/scripted-worker.ts';

export const DATASET = { name: 'clips', version: 'v1' };
export const TRAINING = { dataset: DATASET, method: 'b-mm', seed: 0 } as const;

/** A dataset of `shards` shards of 4 clips, of which each is extracted by `extract`. */
export function dataset(shards: number, extract: (shardIndex: number) => Promise<void>) {
  return {
    planDataset: async () => ({
      dataset: DATASET,
      shards,
      shardsToBuild: Array.from({ length: shards }, (_, index) => index),
      clips: 4 * shards,
      clipsReused: 0,
    }),
    extractShard: async ({ shardIndex }) => {
      await extract(shardIndex);
      return { clips: 4, quarantined: 0 };
    },
    publishDataset: async () => ({ clips: 4 * shards, quarantined: 0 }),
  } satisfies Partial<ScriptedActivities>;
}

/** The same, of whose shards the first workflow payload names only `inPlan`. */
export function pagedDataset(shards: number, inPlan: number, extract: (shardIndex: number) => Promise<void>) {
  const whole = dataset(shards, extract);
  return {
    ...whole,
    planDataset: async () => {
      const plan = await whole.planDataset();
      const more = { list: 'others', shards: shards - inPlan };
      return { ...plan, shardsToBuild: plan.shardsToBuild.slice(0, inPlan), more };
    },
    listShards: async ({ from, count }) => ({
      shards: Array.from({ length: count }, (_, index) => inPlan + from + index),
    }),
  } satisfies Partial<ScriptedActivities>;
}

/** The whole job, whose training goes on until told to stop, `steps` at most, and from where it stopped. */
export function resumableTraining(steps: number) {
  const checkpoint = { step: 0, starts: 0, stops: 0 };
  const script = {
    ...dataset(1, async () => undefined),
    train: async ({ method, seed }) =>
      await runStage(progressKeys.train, async ({ signal, onProgress }) => {
        checkpoint.starts += 1;
        for (; checkpoint.step < steps; checkpoint.step += 1) {
          if (signal.aborted) {
            checkpoint.stops += 1;
            throw new ModalmixError('cancelled', 'stopped after a checkpoint');
          }
          onProgress({ done: checkpoint.step, total: steps, loss: 1, epoch: 1, epochs: 2 });
          await sleep(20);
        }
        return { trainingId: `${method}-${String(seed)}`, steps, epochs: 2, weightsSha256: 'ab' };
      }),
    evaluate: async ({ method, seed }) => ({
      trainingId: `${method}-${String(seed)}`,
      accuracy: 0.9,
      samples: 12,
    }),
    writeReport: async () => ({ report: 'report/index.html', summary: 'summary.json' }),
  } satisfies Partial<ScriptedActivities>;
  return { checkpoint, script };
}

export interface RetrainingScript {
  readonly hasModel?: boolean;
  /** Windows that close, one after the other; the next one stays open. */
  readonly windows: number;
  /** Of `windows`, found closed at the start; and of these, found done with. */
  readonly closedBefore?: number;
  readonly doneBefore?: number;
  /** The first fine-tuning waits for `gate.open`. */
  readonly holdFirst?: boolean;
  readonly closesWhenAsked?: boolean;
  /** While the first candidate is compared, `current` moves to this version. */
  readonly movedTo?: number;
  readonly newTrainClips?: number;
  readonly fineTuneMs?: number;
}

/** A retraining whose windows close at once; what was done is kept over executions, as the store does it. */
export function retraining(options: RetrainingScript) {
  const seen: string[] = [];
  const learned: number[] = [];
  let closed = options.closedBefore ?? 0;
  const done = new Set(Array.from({ length: options.doneBefore ?? 0 }, (_, index) => index + 1));
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const main = resumableTraining(1).script;
  const script = {
    ...main,
    planDataset: async () => {
      seen.push('plan');
      return await dataset(1, async () => undefined).planDataset();
    },
    train: async (input) => {
      seen.push('train');
      return await main.train(input);
    },
    findWindows: async () => ({
      waiting: Array.from({ length: closed }, (_, index) => index + 1).filter((number) => !done.has(number)),
      open: closed + 1,
      hasModel: options.hasModel ?? true,
    }),
    openModel: async ({ dataset: { name, version } }) => {
      seen.push(`open model ${name} ${version}`);
      return { version: 1 };
    },
    awaitWindow: async ({ window, now }) =>
      await runStage(progressKeys.window, async ({ signal }) => {
        seen.push(`await ${String(window)}${now ? ' now' : ''}`);
        const closes = window <= options.windows || (now && options.closesWhenAsked === true);
        if (closes) closed = Math.max(closed, window);
        else if (!now) await sleep(3_600_000, undefined, { signal });
        return { closed: closes };
      }),
    freezeWindow: async () => ({
      dataset: DATASET,
      parent: 1,
      newTrainClips: options.newTrainClips ?? 10,
    }),
    fineTune: async ({ window }) =>
      await runStage(progressKeys.fineTune, async ({ signal }) => {
        seen.push(`fine-tune ${String(window)}`);
        if (options.holdFirst === true && window === 1) await opened;
        try {
          await sleep(options.fineTuneMs ?? 0, undefined, { signal });
        } catch {
          seen.push(`fine-tune ${String(window)} stopped`);
          throw new ModalmixError('cancelled', 'stopped after a checkpoint');
        }
        return { trainingId: `t-${String(window)}`, steps: 1, epochs: 1, weightsSha256: 'ab' };
      }),
    compareModels: async ({ against }) => {
      seen.push(`compare with ${String(against)}`);
    },
    decideWindow: async ({ window, against }) => {
      const { movedTo } = options;
      if (movedTo !== undefined && against !== movedTo) {
        return { promoted: false, note: '', compareWith: movedTo };
      }
      if (!done.has(window)) learned.push(window);
      done.add(window);
      return { version: window + 1, promoted: true, note: 'better' };
    },
  } satisfies Partial<ScriptedActivities>;
  return { script, seen, learned, gate: { open } };
}

/** How many trainings there are at once, and were at most. */
export interface Flight {
  now: number;
  most: number;
}

/** A training that takes a while; stopped, it ends as one that has left a checkpoint. */
export async function trainFor(ms: number, flight: Flight, signal: AbortSignal): Promise<void> {
  flight.most = Math.max(flight.most, ++flight.now);
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    throw new ModalmixError('cancelled', 'stopped after a checkpoint');
  } finally {
    flight.now -= 1;
  }
}

export interface ExperimentScript {
  /** Cells in every dataset: methods × seeds. */
  readonly methods: readonly MethodName[];
  readonly seeds: readonly number[];
  readonly datasets?: number;
  /** Trainings that fail, by `<method>-<seed>`. */
  readonly fails?: readonly string[];
  /** Datasets that cannot be built, by their run. */
  readonly unbuilt?: readonly string[];
  readonly trainMs?: number;
}

/** An experiment of one run a dataset; what is done is told by `done`, what is noted by `noted`. */
export function experimenting(options: ExperimentScript) {
  const done: string[] = [];
  const noted: string[] = [];
  const flight = { now: 0, most: 0 };
  const runs = Array.from({ length: options.datasets ?? 1 }, (_, index) => `group-${String(index)}`);
  const main = dataset(1, async () => undefined);
  const script = {
    ...main,
    planExperiment: async () => ({
      seeds: options.seeds,
      datasets: runs.map((runId) => ({ name: `data of ${runId}`, runId })),
      groups: runs.map((runId, index) => ({ runId, dataset: index, label: runId, methods: options.methods })),
    }),
    planDataset: async (input) =>
      await runStage(progressKeys.index, async () => {
        if (options.unbuilt?.includes(input.runId) === true) {
          throw new ModalmixError('input', 'there are no clips');
        }
        return await main.planDataset();
      }),
    train: async ({ runId, method, seed }) =>
      await runStage(progressKeys.train, async ({ signal }) => {
        await trainFor(options.trainMs ?? 5, flight, signal);
        const name = `${method}-${String(seed)}`;
        if (options.fails?.includes(name) === true) throw new ModalmixError('config', 'the loss became NaN');
        done.push(`${runId} ${name}`);
        return { trainingId: name, steps: 1, epochs: 1, weightsSha256: 'ab' };
      }),
    evaluate: async ({ method, seed }) => ({
      trainingId: `${method}-${String(seed)}`,
      accuracy: 0.9,
      samples: 12,
    }),
    noteFailure: async ({ cellRunId, method, seed, reason }) => {
      noted.push([cellRunId, method, seed, reason].filter((part) => part !== undefined).join(' '));
    },
    writeExperiment: async ({ datasets }) => ({
      report: `report of ${String(datasets.filter((one) => one !== null).length)} datasets`,
      summary: 'summary.json',
    }),
  } satisfies Partial<ScriptedActivities>;
  return { script, done, noted, flight };
}
