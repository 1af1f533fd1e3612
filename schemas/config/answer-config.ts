/** The config's `stream.predict` and `stream.review` sections: how clips are answered, and whom people are asked about. */
import { z } from 'zod';

const count = z.int().positive();

/** An address or a name. */
export const hostSchema = z.string().regex(/^[\w.:-]{1,253}$/u);

/** Why a clip is worth a person's look; `schemas/answer.ts` says how each is scored. */
export const REVIEW_REASONS = ['uncertain', 'disagreement', 'far'] as const;
export type ReviewReason = (typeof REVIEW_REASONS)[number];

/** Workers that answer what a clip is, by the current version of the registry's model. */
export const predictConfigSchema = z.strictObject({
  /** The model's name in the registry; absent: that of `stream.retrain`. */
  model: z.string().optional(),
  /** Clips that came with a label are answered too. */
  labelled: z.boolean().default(true),
  /** Clips handed to the model at a time; each is judged alone, so an answer does not depend on the others. */
  batchClips: count.default(16),
  /** Feature records taken from the topic and not yet answered, at most. */
  maxInFlight: count.default(64),
  /** As that of `ingest`. */
  metricsPort: z.int().min(0).max(65_535).optional(),
  /** As that of `ingest`. */
  metricsHost: hostSchema.optional(),
});
export type PredictConfig = z.infer<typeof predictConfigSchema>;

/** Which answered clips go to `<prefix>.review`. Only clips without a label are asked about. */
export const reviewConfigSchema = z.strictObject({
  /** Of the answers of a partition, at most so many, 0…1; 0: nobody is asked. */
  share: z.number().min(0).max(1).default(0.05),
  /** What makes a clip worth a look. */
  reasons: z
    .array(z.enum(REVIEW_REASONS))
    .min(1)
    .default([...REVIEW_REASONS]),
  /** Answers of the same partition that a clip is compared with, the newest. */
  compareWith: count.default(200),
  /** Training clips whose features `far` is measured from; drawn the same way for each version. */
  referenceClips: count.default(256),
  /** `far` is the distance to the nearest so many of them. */
  neighbours: count.default(10),
});
export type ReviewConfig = z.infer<typeof reviewConfigSchema>;
