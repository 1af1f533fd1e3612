/** Evaluates in a child process, so that the caller's thread stays free. */
import { evaluationResultSchema, type EvaluationResult } from '../../schemas/training.ts';
import { openStore } from '../store/open-store.ts';
import { runTensorflowStage, type TensorflowStageOptions } from '../engine/tensorflow-child.ts';
import { findEvaluation } from './find-evaluation.ts';

/**
 * A stop comes between two batches or UMAP epochs.
 *
 * @throws ModalmixError whatever `evaluateModel` throws; `transient` when the child died
 */
export async function runEvaluation(options: TensorflowStageOptions): Promise<EvaluationResult> {
  // Done already: no need to load TensorFlow to find that out.
  const present = await findEvaluation(openStore(options.storeUri), options.spec);
  if (present !== undefined) return present;
  const output = await runTensorflowStage(new URL('./evaluator-child.ts', import.meta.url), options);
  return evaluationResultSchema.parse(output);
}
