/** The clip event's schema for producers in other languages; `docs/clip-event.schema.json` is a copy of it. */
import { z } from 'zod';
import { clipEventSchema } from './stream.ts';

/** JSON Schema (draft 2020-12) of a value of `modalmix.clips`. */
export function clipEventJsonSchema(): object {
  return z.toJSONSchema(clipEventSchema, { io: 'input' });
}
