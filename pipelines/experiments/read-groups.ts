/** The groups (speakers, sources, …) of a dataset's test clips. */
import type { DatasetReference } from '../../schemas/manifest.ts';
import { loadManifest } from '../shards/manifest/load-manifest.ts';
import { openShards } from '../shards/read/shard-reader.ts';
import type { Store } from '../store/store.ts';

/**
 * @returns by clip id; clips whose dataset names no group are not in it
 * @throws ModalmixError `input` when a shard of the test split is missing or damaged
 */
export async function readTestGroups(
  store: Store,
  { name, version }: DatasetReference,
): Promise<ReadonlyMap<string, string>> {
  const manifest = await loadManifest(store, name, version);
  const shards = await openShards({ store, manifest, split: 'test', modalities: [] });
  try {
    return new Map(
      shards.clipIds.flatMap((clip, row) => {
        const group = shards.groups[row];
        return group === undefined ? [] : [[clip, group] as const];
      }),
    );
  } finally {
    shards.close();
  }
}
