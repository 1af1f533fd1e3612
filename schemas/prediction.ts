/** Contracts of the use of a trained model: which one, and what it says of a clip. */
import { z } from 'zod';
import { modalitySchema } from './modality.ts';
import { trainingSpecSchema } from './training.ts';

/** A training that is used, and which of its weights. */
export const chosenModelSchema = z.strictObject({
  spec: trainingSpecSchema,
  weights: z.enum(['last', 'best']),
  /** The registered version it is; absent: it was chosen as a training. */
  version: z.strictObject({ model: z.string(), version: z.int().positive() }).optional(),
});
export type ChosenModel = z.infer<typeof chosenModelSchema>;

/** Logits and their softmax, by the dataset's order of classes. */
const headSchema = z.strictObject({ logits: z.array(z.number()), probabilities: z.array(z.number()) });
export type HeadPrediction = z.infer<typeof headSchema>;

const problemSchema = z.strictObject({
  /** Machine-readable: `no-stream`, `silent`, `empty`, `missing-file`, … */
  code: z.string(),
  reason: z.string(),
});

/** What the fused model and each branch say of one clip, or why they say nothing. */
export const clipPredictionSchema = z.union([
  z.strictObject({
    path: z.string(),
    fused: headSchema,
    /** Of the modalities that the clip has. */
    branches: z.partialRecord(modalitySchema, headSchema),
    /** Of the model's modalities, those that the clip lacks; the fused model leaves them out, as in training. */
    missing: z.partialRecord(modalitySchema, problemSchema),
  }),
  z.strictObject({ path: z.string(), problem: problemSchema }),
]);
export type ClipPrediction = z.infer<typeof clipPredictionSchema>;

/** Said once, before the clips. */
export const predictionFactsSchema = z.strictObject({
  trainingId: z.string(),
  /** The epoch the weights come from, from 1. */
  epoch: z.int(),
  dataset: z.strictObject({ name: z.string(), version: z.string() }),
  classNames: z.array(z.string()),
  modalities: z.array(modalitySchema),
  /** Of the dataset's features, and of this machine's: features of another one may differ in their last bits. */
  extractorVersion: z.strictObject({ dataset: z.string(), here: z.string() }),
});
export type PredictionFacts = z.infer<typeof predictionFactsSchema>;
