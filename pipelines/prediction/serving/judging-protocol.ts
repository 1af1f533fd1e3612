/** What the process that judges clips is asked, and what it answers (see `judging-child.ts`). */
import { z } from 'zod';
import { chosenModelSchema, clipPredictionSchema } from '../../../schemas/prediction.ts';
import type { ExtractedClip } from '../../extraction/extractor.ts';

/** Clips come from this project's own process, typed arrays in them: their shapes are checked by who judges. */
const clipSchema = z.custom<ExtractedClip>((value) => typeof value === 'object' && value !== null);

export const judgingRequestSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('load'), storeUri: z.string(), chosen: chosenModelSchema }),
  z.strictObject({ kind: z.literal('judge'), clips: z.array(clipSchema) }),
]);
export type JudgingRequest = z.infer<typeof judgingRequestSchema>;

export const loadedSchema = z.strictObject({ epoch: z.int() });

const [answeredSchema] = clipPredictionSchema.options;
/** Of each clip, in their order. */
export const judgedSchema = z.array(answeredSchema.omit({ path: true }));
export type JudgedClips = z.infer<typeof judgedSchema>;
