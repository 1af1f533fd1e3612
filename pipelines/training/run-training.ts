/** Trains in a child process, so that the caller's thread stays free. Loads no TensorFlow itself. */
import { availableParallelism } from 'node:os';
import type { ActivityProgress } from '../../schemas/progress.ts';
import { trainingResultSchema, type TrainingResult, type TrainingSpec } from '../../schemas/training.ts';
import { runInChild } from '../process/child-process.ts';

export interface RunTrainingOptions {
  readonly storeUri: string;
  readonly spec: TrainingSpec;
  readonly onProgress?: (progress: ActivityProgress) => void;
  /** Stops at the next step, after a checkpoint; the call then fails with kind `cancelled`. */
  readonly signal?: AbortSignal;
}

/** @throws ModalmixError whatever `trainModel` throws; `transient` when the child died */
export async function runTraining(options: RunTrainingOptions): Promise<TrainingResult> {
  const { storeUri, spec, onProgress, signal } = options;
  const output = await runInChild(
    new URL('./trainer-child.ts', import.meta.url),
    { storeUri, spec },
    {
      env: tensorflowEnvironment(spec.training.threads),
      ...(onProgress === undefined
        ? {}
        : {
            onProgress: (progress) => {
              onProgress(progress as ActivityProgress);
            },
          }),
      ...(signal === undefined ? {} : { signal }),
    },
  );
  return trainingResultSchema.parse(output);
}

/**
 * What a process that computes with TensorFlow is started with. TensorFlow reads its thread counts once,
 * when it is loaded, so they cannot be set from inside.
 *
 * @param threads absent: one for each core this process may use
 */
export function tensorflowEnvironment(threads: number = availableParallelism()): Record<string, string> {
  return {
    OMP_NUM_THREADS: String(threads),
    TF_NUM_INTRAOP_THREADS: String(threads),
    // Operators are issued one after the other; more would only differ in who waits.
    TF_NUM_INTEROP_THREADS: '1',
    TF_CPP_MIN_LOG_LEVEL: '2',
  };
}
