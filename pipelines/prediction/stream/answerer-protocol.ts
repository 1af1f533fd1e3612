/** What a worker asks of the child process that computes its answers, and what that says. */
import { z } from 'zod';
import { extractionConfigSchema } from '../../../schemas/config/extraction-config.ts';
import { modalitySchema } from '../../../schemas/modality.ts';
import { chosenModelSchema } from '../../../schemas/prediction.ts';
import { recordPlaceSchema } from '../../../schemas/stream.ts';

/** A version to answer by, in place of the one before. */
const loadRequestSchema = z.strictObject({
  kind: z.literal('load'),
  storeUri: z.string(),
  chosen: chosenModelSchema,
  /** The stream that it answers: see `StreamTarget`. */
  target: z.strictObject({
    name: z.string(),
    extraction: extractionConfigSchema,
    extractorVersion: z.string(),
    extractionKey: z.string(),
  }),
  /** Training clips to measure distances from, at most; 0: they are not measured. */
  referenceClips: z.int().nonnegative(),
  neighbours: z.int().positive(),
});
export type LoadRequest = z.infer<typeof loadRequestSchema>;

/** Values of records of the features topic; null where a record has none. */
const judgeRequestSchema = z.strictObject({
  kind: z.literal('judge'),
  labelled: z.boolean(),
  values: z.array(z.instanceof(Uint8Array).nullable()),
});

export const requestSchema = z.discriminatedUnion('kind', [loadRequestSchema, judgeRequestSchema]);

export const loadedSchema = z.strictObject({
  /** Of the features that it was trained on. */
  extractorVersion: z.string(),
  /** By class, of its training clips. */
  classCounts: z.record(z.string(), z.int().nonnegative()),
  /** Mean distance of the sample of them from one another; absent: distances are not measured. */
  distance: z.number().optional(),
});

const probabilities = z.array(z.number());

export const judgedSchema = z.discriminatedUnion('as', [
  z.strictObject({
    as: z.literal('answer'),
    clipId: z.string(),
    label: z.string().optional(),
    sentAt: z.string(),
    /** The event's. */
    source: recordPlaceSchema,
    classNames: z.array(z.string()),
    fused: probabilities,
    branches: z.partialRecord(modalitySchema, probabilities),
    missing: z.partialRecord(modalitySchema, z.strictObject({ code: z.string(), reason: z.string() })),
    distance: z.number().optional(),
  }),
  /** `foreign`: of another dataset or extraction; `labelled`: it has a label, and such are not asked for. */
  z.strictObject({ as: z.enum(['foreign', 'labelled']) }),
  z.strictObject({ as: z.literal('invalid'), reason: z.string() }),
]);
export type Judged = z.infer<typeof judgedSchema>;
export type JudgedAnswer = Extract<Judged, { as: 'answer' }>;
