/** Entries of shards: what was built, and whether it is still there. */
import pLimit from 'p-limit';
import type { Split } from '../../../schemas/clip.ts';
import { shardEntrySchema, type ShardEntry } from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import { NewerVersionError } from '../../../schemas/versions.ts';
import type { Store } from '../../store/store.ts';
import { parseStored } from '../../store/stored-json.ts';

/** Requests to the store. */
const LOOKS_AT_A_TIME = 32;

/**
 * The entry, when the shard is complete: its entry can be read, and its file is there with the entry's size.
 * A shard all of whose clips were quarantined has an entry with no rows, and no file.
 *
 * @throws NewerVersionError for an entry that a newer release wrote: it is not to be written over
 */
export async function findShard(
  store: Store,
  name: string,
  split: Split,
  key: string,
): Promise<ShardEntry | undefined> {
  const path = storePaths.shardEntry(name, split, key);
  const bytes = await store.find(path);
  if (bytes === undefined) return undefined;
  let entry: ShardEntry;
  try {
    entry = parseStored(bytes, shardEntrySchema, path);
  } catch (error) {
    if (error instanceof NewerVersionError) throw error;
    return undefined;
  }
  if (entry.rows === 0) return entry;
  return (await store.size(entry.path)) === entry.bytes ? entry : undefined;
}

/** `findShard` of each place, in their order. */
export async function findShards(
  store: Store,
  name: string,
  places: readonly { readonly split: Split; readonly key: string }[],
): Promise<(ShardEntry | undefined)[]> {
  return await pLimit(LOOKS_AT_A_TIME).map(
    places,
    async ({ split, key }) => await findShard(store, name, split, key),
  );
}
