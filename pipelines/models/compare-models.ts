/** Compares two models in a child process, so that the caller's thread stays free. Loads no TensorFlow itself. */
import { z } from 'zod';
import { driftSchema, modelComparisonSchema } from '../../schemas/retrain.ts';
import { trainingSpecSchema } from '../../schemas/training.ts';
import { runTensorflowChild, type TensorflowStageOptions } from '../engine/tensorflow-child.ts';
import type { ComparedModels } from './judge-models.ts';

export const comparisonInputSchema = z.strictObject({
  storeUri: z.string(),
  /** A version that was frozen from the stream: it says what is new. */
  dataset: z.strictObject({ name: z.string(), version: z.string() }),
  candidate: trainingSpecSchema,
  /** Absent: there is no model yet; the candidate then tells the features' drift. */
  current: trainingSpecSchema.optional(),
});
export type ComparisonInput = z.infer<typeof comparisonInputSchema>;

export type ComparisonOptions = ComparisonInput &
  Pick<TensorflowStageOptions, 'onProgress' | 'signal' | 'place'>;

const outputSchema = z.strictObject({ comparison: modelComparisonSchema, drift: driftSchema });

/**
 * A stop comes between two batches.
 *
 * @throws ModalmixError whatever `judgeModels` throws; `transient` when the child died
 */
export async function runComparison(options: ComparisonOptions): Promise<ComparedModels> {
  const { storeUri, dataset, candidate, current, onProgress, signal, place } = options;
  const input: ComparisonInput = {
    storeUri,
    dataset: { name: dataset.name, version: dataset.version },
    candidate,
    ...(current === undefined ? {} : { current }),
  };
  const output = await runTensorflowChild(new URL('./comparer-child.ts', import.meta.url), input, {
    threads: candidate.training.threads,
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
    ...(place === undefined ? {} : { place }),
  });
  return outputSchema.parse(output);
}
