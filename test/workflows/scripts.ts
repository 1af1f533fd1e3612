/** Activities that a test scripts: the work they stand for, without media or TensorFlow. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runStage } from '../../activities/run-stage.ts';
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
