/** Makes a version of a dataset visible: everything before was preparation. */
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetManifest, ShardEntry } from '../../schemas/manifest.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Store } from '../store/store.ts';
import { pages } from '../store/streams.ts';
import { loadManifest } from './manifest/load-manifest.ts';
import { writeVersion, type PublishedCounts, type PublishOptions } from './manifest/merge-shards.ts';
import { findShards } from './manifest/shard-entries.ts';
import { openPlan, type OpenPlan } from './plan/plan-file.ts';
import { damagedPlan, VersionHash } from './plan/shard-key.ts';

export interface PublishManifestInput extends Omit<PublishOptions, 'quarantine'> {
  readonly store: Store;
  readonly name: string;
  /** `ShardPlan.version`. */
  readonly version: string;
}

/** Shards that are looked for together. */
const SHARDS_PER_PAGE = 1_000;

/** `publishVersion`, and the manifest, whole: what it holds in memory grows with the shards. */
export async function publishManifest(input: PublishManifestInput): Promise<DatasetManifest> {
  await publishVersion(input);
  return await loadManifest(input.store, input.name, input.version);
}

/**
 * Writes the quarantine list and, last, the manifest; the same plan and shards give the same bytes. Holds some thousand entries,
 * however many shards there are.
 *
 * @throws ModalmixError `input` when a shard is not built or the plan is damaged; `config` when the training or test split is empty,
 *   or no training clip has one of the modalities
 */
export async function publishVersion(input: PublishManifestInput): Promise<PublishedCounts> {
  const { store, name, version, shardsInOne, partBytes } = input;
  const plan = await openPlan(store, name, version);
  const { classNames, extraction, extractorVersion, index } = plan.header;
  const hash = new VersionHash(plan.header);
  for await (const { key } of plan.places()) hash.add(key);
  if (plan.header.name !== name || hash.version() !== version) throw damagedPlan(input);
  const facts = { name, version, classNames, extraction, extractorVersion, index };
  return await writeVersion(store, facts, builtShards(store, name, plan), {
    ...(shardsInOne === undefined ? {} : { shardsInOne }),
    ...(partBytes === undefined ? {} : { partBytes }),
  });
}

async function* builtShards(store: Store, name: string, plan: OpenPlan): AsyncGenerator<ShardEntry> {
  let done = 0;
  for await (const places of pages(plan.places(), SHARDS_PER_PAGE)) {
    const found = await findShards(store, name, places);
    for (const [i, entry] of found.entries()) {
      if (entry === undefined) {
        const { split, key } = places[i]!;
        const message = `shard ${String(done + i)} of ${String(plan.header.shards)} is not built`;
        throw new ModalmixError('input', message, {
          where: storePaths.shard(name, split, key),
          fix: 'Run the rebuild again: it builds what is missing.',
        });
      }
      yield entry;
    }
    done += places.length;
  }
}
