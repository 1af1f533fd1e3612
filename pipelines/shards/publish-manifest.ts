/** Makes a version of a dataset visible: everything before was preparation. */
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetManifest, ShardEntry } from '../../schemas/manifest.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Store } from '../store/store.ts';
import { mergeShards, writeManifest } from './manifest/merge-shards.ts';
import { openPlan } from './plan/plan-file.ts';
import { damagedPlan, datasetVersion } from './plan/shard-key.ts';
import { findShards } from './manifest/shard-entries.ts';

export interface PublishManifestInput {
  readonly store: Store;
  readonly name: string;
  /** `ShardPlan.version`. */
  readonly version: string;
}

/**
 * Writes the quarantine list and, last, the manifest; the same plan and shards give the same bytes.
 *
 * @throws ModalmixError `input` when a shard is not built or the plan is damaged; `config` when the training or test split is empty,
 *   or no training clip has one of the modalities
 */
export async function publishManifest(input: PublishManifestInput): Promise<DatasetManifest> {
  const { store, name, version } = input;
  const plan = await openPlan(store, name, version);
  const { header } = plan;
  const places = [];
  for await (const place of plan.places()) places.push(place);
  const keys = places.map(({ key }) => key);
  if (header.name !== name || datasetVersion(header, keys) !== version) throw damagedPlan(input);
  const found = await findShards(store, name, places);
  const shards = places.map(({ split, key }, i): ShardEntry => {
    const entry = found[i];
    if (entry !== undefined) return entry;
    throw new ModalmixError('input', `shard ${String(i)} of ${String(header.shards)} is not built`, {
      where: storePaths.shard(name, split, key),
      fix: 'Run the rebuild again: it builds what is missing.',
    });
  });
  const { classNames, extraction, extractorVersion, index } = header;
  const manifest: DatasetManifest = {
    formatVersion: 1,
    name,
    version,
    classNames,
    extraction,
    extractorVersion,
    ...mergeShards(shards, classNames.length, extraction.modalities),
    quarantine: shards.flatMap(({ quarantined }) => quarantined),
    index,
  };
  await writeManifest(store, manifest);
  return manifest;
}
