import { storePaths } from '../../schemas/names.ts';
import { evaluationResultSchema, type EvaluationResult, type TrainingSpec } from '../../schemas/training.ts';
import type { Store } from '../store/store.ts';
import { findStored } from '../store/stored-json.ts';

/**
 * The result of an evaluation that is complete, or undefined.
 *
 * @throws ModalmixError `input` when the file does not hold one
 */
export async function findEvaluation(
  store: Store,
  spec: TrainingSpec,
): Promise<EvaluationResult | undefined> {
  return await findStored(store, storePaths.evaluation(spec.trainingId), evaluationResultSchema, 'remake');
}
