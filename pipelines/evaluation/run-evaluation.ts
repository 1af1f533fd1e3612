/** Evaluates in a child process, so that the caller's thread stays free. Loads no TensorFlow itself. */
import type { ActivityProgress } from '../../schemas/progress.ts';
import { evaluationResultSchema, type EvaluationResult, type TrainingSpec } from '../../schemas/training.ts';
import { findEvaluation } from './find-evaluation.ts';
import { runInChild } from '../process/child-process.ts';
import { openStore } from '../store/store.ts';
import { tensorflowEnvironment } from '../training/run-training.ts';

export interface RunEvaluationOptions {
  readonly storeUri: string;
  readonly spec: TrainingSpec;
  readonly onProgress?: (progress: ActivityProgress) => void;
  /** Stops between two batches or UMAP epochs; the call then fails with kind `cancelled`. */
  readonly signal?: AbortSignal;
}

/** @throws ModalmixError whatever `evaluateModel` throws; `transient` when the child died */
export async function runEvaluation(options: RunEvaluationOptions): Promise<EvaluationResult> {
  const { storeUri, spec, onProgress, signal } = options;
  // Done already: no need to load TensorFlow to find that out.
  const present = await findEvaluation(openStore(storeUri), spec);
  if (present !== undefined) return present;
  const output = await runInChild(
    new URL('./evaluator-child.ts', import.meta.url),
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
  return evaluationResultSchema.parse(output);
}
