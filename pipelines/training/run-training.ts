/** Trains in a child process, so that the caller's thread stays free. */
import { trainingResultSchema, type TrainingResult } from '../../schemas/training.ts';
import { runTensorflowStage, type TensorflowStageOptions } from './tensorflow-child.ts';

/**
 * A stop comes at the next step, after a checkpoint.
 *
 * @throws ModalmixError whatever `trainModel` throws; `transient` when the child died
 */
export async function runTraining(options: TensorflowStageOptions): Promise<TrainingResult> {
  const output = await runTensorflowStage(new URL('./trainer-child.ts', import.meta.url), options);
  return trainingResultSchema.parse(output);
}
