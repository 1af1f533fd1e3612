/** `evaluation` of the config: how a trained model is judged. */
import { z } from 'zod';

const positive = z.number().positive();
const count = z.int().positive();

export const evaluationConfigSchema = z.strictObject({
  /** The weights judged: the last epoch's, or the best on the validation split. */
  weights: z.enum(['last', 'best']).default('last'),
  /** Clips judged at a time; the result does not depend on it. */
  batchSize: count.default(64),
  /** Deviation of the Gaussian noise added to one normalised modality at a time. */
  noiseLevels: z.array(positive).default([0.5, 1, 2]),
  /** Deviations in pixels, of the size the encoder sees, of the Gaussian blur of pictures. */
  blurSigmas: z.array(positive).optional(),
  /** Shares of an audio spectrogram's frequencies and of its times that are masked by a band each. */
  maskShares: z.array(z.number().gt(0).lt(1)).optional(),
  /** Whether a linear classifier is fitted on each modality's frozen features, and judged beside the branch. */
  probes: z.boolean().default(true),
  /** The picture of features in the report. */
  umap: z
    .strictObject({
      /** Neighbours of a clip that should stay near it. */
      neighbors: count.default(15),
      /** Least distance of two points in the picture. */
      minDist: z.number().min(0).default(0.1),
      /** Clips shown of each split; of more a sample is drawn. */
      maxPoints: count.default(2_000),
    })
    .prefault({}),
  /** Misclassified clips shown in the report. */
  examples: z.int().min(0).default(12),
});
export type EvaluationConfig = z.infer<typeof evaluationConfigSchema>;
