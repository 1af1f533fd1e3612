/**
 * What a webhook is sent (docs/tracking.md; as JSON Schema: `docs/notice.schema.json`). Fields may be added; `version` rises
 * when one changes its meaning or goes.
 */
import { z } from 'zod';
import { methodSchema } from './config/methods.ts';
import { NOTICE_TYPES } from './config/notify-config.ts';

const dataset = z.object({ name: z.string(), version: z.string() });
const about = {
  /** As `modalmix status <runId>` knows it. */
  runId: z.string(),
  /** The config's `name`. */
  name: z.string(),
};
/** Of the store, with its address. */
const report = z.string();

const completedTypes = ['run.completed', 'experiment.completed', 'search.completed', 'gate.decided'] as const;
type Ended = Exclude<(typeof NOTICE_TYPES)[number], (typeof completedTypes)[number]>;
const endedTypes = NOTICE_TYPES.filter(
  (type): type is Ended => !(completedTypes as readonly string[]).includes(type),
);

function notice<Type extends z.ZodType, Data extends z.ZodType>(type: Type, data: Data) {
  return z.object({
    version: z.literal(1),
    type,
    /** When it came to be, ISO 8601. The header `webhook-timestamp` says when it was sent. */
    timestamp: z.iso.datetime(),
    data,
  });
}

export const noticeSchema = z.discriminatedUnion('type', [
  notice(
    z.literal('run.completed'),
    z.object({
      ...about,
      dataset,
      report,
      /** On the test split, by method in the config's order; shares in 0…1. */
      results: z.array(
        z.object({
          method: methodSchema,
          seeds: z.int(),
          accuracy: z.number(),
          /** Over seeds; absent for one. */
          std: z.number().optional(),
        }),
      ),
    }),
  ),
  notice(
    z.literal('experiment.completed'),
    z.object({ ...about, report, trainings: z.int(), failed: z.int() }),
  ),
  notice(
    z.literal('search.completed'),
    z.object({
      ...about,
      report,
      trainings: z.int(),
      failed: z.int(),
      /** Of each method, by the search's metric on the validation split. */
      best: z.array(
        z.object({ method: methodSchema, trial: z.int(), accuracy: z.number(), loss: z.number() }),
      ),
    }),
  ),
  notice(
    z.literal('gate.decided'),
    z.object({
      ...about,
      /** In the registry. */
      model: z.string(),
      /** From 1. */
      window: z.int(),
      /** The candidate's; absent when nothing was trained. */
      version: z.int().optional(),
      promoted: z.boolean(),
      /** One sentence. */
      note: z.string(),
      /** One sentence a condition. */
      reasons: z.array(z.string()),
    }),
  ),
  notice(
    z.enum(endedTypes),
    z.object({
      ...about,
      /** Why, and what to do; absent when it was cancelled. */
      reason: z.string().optional(),
      fix: z.string().optional(),
    }),
  ),
]);
export type Notice = z.infer<typeof noticeSchema>;

/** For those who write a receiver; `docs/notice.schema.json` is a copy of it. */
export function noticeJsonSchema(): object {
  return z.toJSONSchema(noticeSchema, { io: 'output' });
}
