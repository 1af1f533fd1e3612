/** What make_training_options.py computed. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

type Nested = number | Nested[];
const nested: z.ZodType<Nested> = z.lazy(() => z.union([z.number(), z.array(nested)]));
const named = z.record(z.string(), nested);
const optimizing = z.object({
  start: named,
  gradients: z.array(named),
  /** By optimiser: the weights after each step. */
  cases: z.record(z.string(), z.array(named)),
});
const matrix = z.array(z.array(z.number()));

export const trainingOptionsGolden = z
  .object({
    late: optimizing.extend({ rates: z.array(z.number()) }),
    groups: optimizing.extend({ norms: z.array(z.number()) }),
    losses: z.object({
      logits: matrix,
      labels: z.object({ hard: matrix, mixed: matrix }),
      weights: z.array(z.number()),
      cases: z.array(
        z.object({
          labels: z.enum(['hard', 'mixed']),
          smoothing: z.number(),
          weighted: z.boolean(),
          loss: z.number(),
          gradient: matrix,
        }),
      ),
    }),
  })
  .parse(JSON.parse(readFileSync(new URL('training-options.json', import.meta.url), 'utf8')));

export type NamedNumbers = z.infer<typeof named>;

/** Row-major. */
export function flat(value: Nested): number[] {
  return typeof value === 'number' ? [value] : value.flatMap(flat);
}
