/** Predicts in a child process, so that the caller's thread stays free. Loads no TensorFlow itself. */
import { z } from 'zod';
import {
  chosenModelSchema,
  clipPredictionSchema,
  predictionFactsSchema,
  type ClipPrediction,
  type PredictionFacts,
} from '../../schemas/prediction.ts';
import { runInChild } from '../process/child-process.ts';
import { tensorflowEnvironment } from '../engine/tensorflow-child.ts';

export const predictionInputSchema = z.strictObject({
  storeUri: z.string(),
  chosen: chosenModelSchema,
  /** Absolute. */
  files: z.array(z.string()),
});
export type PredictionInput = z.infer<typeof predictionInputSchema>;

const messageSchema = z.union([
  z.strictObject({ facts: predictionFactsSchema }),
  z.strictObject({ prediction: clipPredictionSchema }),
]);
/** What the child says while it works. */
export type FromPredictor = z.infer<typeof messageSchema>;

export interface PredictionOptions extends PredictionInput {
  readonly onFacts: (facts: PredictionFacts) => void;
  /** Called for each file once, in their order. */
  readonly onPrediction: (prediction: ClipPrediction) => void;
  /** Stops between two batches; the call then fails with kind `cancelled`. */
  readonly signal?: AbortSignal;
}

/** @throws ModalmixError whatever `predictClips` throws; `transient` when the child died */
export async function runPrediction(options: PredictionOptions): Promise<void> {
  const { storeUri, chosen, files, onFacts, onPrediction, signal } = options;
  const input: PredictionInput = { storeUri, chosen, files };
  await runInChild(new URL('./predictor-child.ts', import.meta.url), input, {
    env: tensorflowEnvironment(chosen.spec.training.threads),
    onProgress: (message) => {
      const told = messageSchema.parse(message);
      if ('facts' in told) onFacts(told.facts);
      else onPrediction(told.prediction);
    },
    ...(signal === undefined ? {} : { signal }),
  });
}
