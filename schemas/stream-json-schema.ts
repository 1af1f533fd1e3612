/** Schemas of what travels on the topics, for programs in other languages; `docs/*.schema.json` are copies of them. */
import { z } from 'zod';
import { answerSchema, reviewSchema } from './answer.ts';
import { clipEventSchema } from './stream.ts';

/** JSON Schema (draft 2020-12) of a value of `modalmix.clips`. */
export function clipEventJsonSchema(): object {
  return z.toJSONSchema(clipEventSchema, { io: 'input' });
}

/** The same of `modalmix.predictions`. */
export function predictionJsonSchema(): object {
  return z.toJSONSchema(answerSchema, { io: 'input' });
}

/** The same of `modalmix.review`. */
export function reviewJsonSchema(): object {
  return z.toJSONSchema(reviewSchema, { io: 'input' });
}
