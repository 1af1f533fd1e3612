import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import { evaluationResultSchema, type EvaluationResult, type TrainingSpec } from '../../schemas/training.ts';
import type { Store } from '../store/store.ts';

/**
 * The result of an evaluation that is complete, or undefined.
 *
 * @throws ModalmixError `input` when the file does not hold one
 */
export async function findEvaluation(
  store: Store,
  spec: TrainingSpec,
): Promise<EvaluationResult | undefined> {
  const path = storePaths.evaluation(spec.trainingId);
  const bytes = await store.find(path);
  if (bytes === undefined) return undefined;
  try {
    return evaluationResultSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new ModalmixError('input', 'does not hold what an evaluation must', {
      where: path,
      fix: 'Delete it and run again; it is made anew.',
      cause,
    });
  }
}
