/** The name a run has everywhere: in the store, in Temporal and on the command line. */
import { createHash } from 'node:crypto';

const HASH_CHARACTERS = 8;

/** `<name>-<hash of the resolved config>`: the same config is the same run, or the same experiment. */
export function runIdOf(config: { readonly name: string }): string {
  const digest = createHash('sha256')
    .update(JSON.stringify(sorted(config)))
    .digest('hex');
  return `${config.name}-${digest.slice(0, HASH_CHARACTERS)}`;
}

/** Keys in one order, so that a reordered file is the same config. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, below]) => [key, sorted(below)]),
  );
}
