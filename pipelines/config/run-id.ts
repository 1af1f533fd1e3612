/** The name a run has everywhere: in the store, in Temporal and on the command line. */
import { createHash } from 'node:crypto';
import { isRecord } from '../../schemas/is-record.ts';

const HASH_CHARACTERS = 8;

/** Who is told of a run changes nothing in it: what ran unwatched is found when it is to be told of. */
const TELLING: readonly string[] = ['notify', 'tracking'];

/** `<name>-<hash of the resolved config>`: the same config is the same run, or the same experiment. */
export function runIdOf(config: { readonly name: string }): string {
  const digest = createHash('sha256')
    .update(JSON.stringify(sorted(untold(config))))
    .digest('hex');
  return `${config.name}-${digest.slice(0, HASH_CHARACTERS)}`;
}

/** Of a run, or of what has a run's config as its base. */
function untold(config: object): object {
  const kept = Object.entries(config).filter(([key]) => !TELLING.includes(key));
  return Object.fromEntries(
    kept.map(([key, value]: [string, unknown]) => [
      key,
      key === 'base' && isRecord(value) ? untold(value) : value,
    ]),
  );
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
