/**
 * Contracts of answers: what travels on `modalmix.predictions` and `modalmix.review`. Numbers are JSON numbers in the
 * shortest form that gives the same float64 again.
 */
import { z } from 'zod';
import { REVIEW_REASONS } from './config/answer-config.ts';
import { modalitySchema } from './modality.ts';
import { clipIdSchema, recordPlaceSchema } from './stream.ts';

export const ANSWER_VERSION = 1;

const probabilitiesSchema = z.record(z.string(), z.number().min(0).max(1));

/** Which version of which model. */
export const answeringModelSchema = z.strictObject({
  name: z.string().describe("The model's name in the registry."),
  version: z.int().positive().describe('The version that gave the answer, current when it was judged.'),
  sha256: z.string().describe("Of the version's weights."),
});
export type AnsweringModel = z.infer<typeof answeringModelSchema>;

/** All are the larger, the more a person's look is worth. */
export const answerScoresSchema = z.strictObject({
  entropy: z
    .number()
    .describe(
      'Of the fused probabilities p over K classes: −Σ p ln p / ln K, 0 (sure) to 1 (Shannon 1948; Settles 2009, 2.1).',
    ),
  disagreement: z
    .number()
    .optional()
    .describe(
      'Jensen–Shannon divergence of the M branches: (H(mean of p) − mean of H(p)) / ln min(M, K), 0 (alike) to 1 (Lin 1991). Absent: fewer than two branches answered.',
    ),
  distance: z
    .number()
    .optional()
    .describe(
      "Euclidean distance of the clip's fused feature to its k-th nearest of a fixed sample of the version's training clips, each feature divided by its length, 0 to 2 (Sun et al., ICML 2022). Absent: the version has no training clips here, or nobody is asked for being far.",
    ),
});
export type AnswerScores = z.infer<typeof answerScoresSchema>;

/** A value of `modalmix.predictions`; the record's key is the clip's id. */
export const answerSchema = z
  .strictObject({
    schemaVersion: z.literal(ANSWER_VERSION).describe('Version of this schema.'),
    clipId: clipIdSchema.describe('Also the record key.'),
    dataset: z.string().describe('The dataset that the event was ingested for.'),
    model: answeringModelSchema,
    fused: probabilitiesSchema.describe('Class → probability, of the fused model.'),
    branches: z
      .partialRecord(modalitySchema, probabilitiesSchema)
      .describe('Modality → class → probability, of the modalities that the clip has.'),
    missing: z
      .partialRecord(modalitySchema, z.strictObject({ code: z.string(), reason: z.string() }))
      .describe(
        "Of the model's modalities, those that the clip lacks, and why; the fused model leaves them out.",
      ),
    scores: answerScoresSchema,
    label: z.string().optional().describe('The label that the event named, where it named one.'),
    review: z
      .boolean()
      .describe('Whether a person is asked: there is a record about it on the review topic.'),
    event: recordPlaceSchema.describe("The event's place on the clips topic."),
    sentAt: z.iso.datetime({ offset: true }).describe("The event's sentAt."),
    answeredAt: z.iso.datetime().describe('When the model had judged it.'),
  })
  .describe('What a model says of a clip. Each event of a clip that could be used is answered exactly once.');
export type Answer = z.infer<typeof answerSchema>;

/** Why a person is asked. */
export const reviewReasonSchema = z.strictObject({
  reason: z
    .enum(REVIEW_REASONS)
    .describe('uncertain: by entropy; disagreement: of the branches; far: by distance.'),
  score: z.number().describe("The answer's score of that name."),
  rank: z
    .number()
    .min(0)
    .max(1)
    .describe('Share of the answers before it, of the same partition, whose score was lower.'),
});

/** A value of `modalmix.review`; the record's key is the clip's id. */
export const reviewSchema = z
  .strictObject({
    schemaVersion: z.literal(1),
    clipId: clipIdSchema.describe('Also the record key.'),
    dataset: z.string(),
    reasons: z.array(reviewReasonSchema).min(1).describe('The highest rank first.'),
    predicted: z.string().describe('The most probable class.'),
    probability: z.number().min(0).max(1),
    model: answeringModelSchema,
    event: recordPlaceSchema.describe(
      "The event's place on the clips topic: send it again with a label and a new sentAt, and the clip is learned from.",
    ),
    answeredAt: z.iso.datetime(),
  })
  .describe('A clip whose label would teach the model something.');
export type Review = z.infer<typeof reviewSchema>;
