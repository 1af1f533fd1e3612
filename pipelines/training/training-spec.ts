/** What a run's config asks to be trained: one `TrainingSpec` for each method and seed. Pure. */
import { createHash } from 'node:crypto';
import type { RunConfig } from '../../schemas/config.ts';
import type { TrainingSpec } from '../../schemas/training.ts';

const HASH_CHARACTERS = 12;

/**
 * In the config's order of methods, then of seeds; a method or seed named twice counts once.
 *
 * @param dataset the published dataset it trains on
 */
export function trainingSpecs(
  config: RunConfig,
  dataset: { readonly name: string; readonly version: string },
): TrainingSpec[] {
  return [...new Set(config.training.methods)].flatMap((method) =>
    [...new Set(config.training.seeds)].map((seed) => {
      const rest = {
        formatVersion: 1 as const,
        dataset: { name: dataset.name, version: dataset.version },
        modalities: config.extraction.modalities,
        method,
        seed,
        training: { ...config.training, methods: [method], seeds: [seed] },
        evaluation: config.evaluation,
      };
      const hash = createHash('sha256').update(canonicalJson(rest)).digest('hex').slice(0, HASH_CHARACTERS);
      return { ...rest, trainingId: `${config.name}-${method}-s${String(seed)}-${hash}` };
    }),
  );
}

/** JSON with sorted keys, so that the order in which a config was written does not matter. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
