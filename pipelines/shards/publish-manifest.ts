/** Makes a version of a dataset visible: everything before was preparation. */
import type { Split } from '../../schemas/clip.ts';
import { SPLITS } from '../../schemas/clip.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { ChannelSums, DatasetManifest, Normalisation, ShardEntry } from '../../schemas/manifest.ts';
import { MODALITIES, type Modality } from '../../schemas/modality.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Store } from '../store/store.ts';
import { addSums, normalisationOf } from './channel-sums.ts';
import { openPlan } from './plan-file.ts';
import { findShard } from './shard-entries.ts';

export interface PublishManifestInput {
  readonly store: Store;
  readonly name: string;
  /** `ShardPlan.version`. */
  readonly version: string;
}

const REASONS_SHOWN = 3;

/**
 * Writes the quarantine list and, last, the manifest; the same plan and shards give the same bytes.
 *
 * @throws ModalmixError `input` when a shard is not built; `config` when the training or test split is empty,
 *   or no training clip has one of the modalities
 */
export async function publishManifest(input: PublishManifestInput): Promise<DatasetManifest> {
  const { store, name, version } = input;
  const plan = await openPlan(store, name, version);
  await plan.close();
  const { header } = plan;
  const shards: ShardEntry[] = [];
  for (const [i, { split, key }] of header.shards.entries()) {
    const entry = await findShard(store, name, split, key);
    if (entry === undefined) {
      throw new ModalmixError('input', `shard ${String(i)} of ${String(header.shards.length)} is not built`, {
        where: storePaths.shard(name, split, key),
        fix: 'Run the rebuild again: it builds what is missing.',
      });
    }
    shards.push(entry);
  }
  const modalities = MODALITIES.filter((modality) => header.extraction.modalities.includes(modality));
  const splits = Object.fromEntries(
    SPLITS.map((split) => [split, summarise(shards, split, header.classNames.length, modalities)]),
  ) as DatasetManifest['splits'];
  const quarantine = shards.flatMap(({ quarantined }) => quarantined);
  const manifest: DatasetManifest = {
    formatVersion: 1,
    name,
    version,
    classNames: header.classNames,
    modalities,
    extraction: header.extraction,
    extractorVersion: header.extractorVersion,
    shards,
    splits,
    normalisation: normalise(shards, modalities),
    quarantine,
    index: header.index,
  };
  checkUsable(manifest, store);
  await putIfNew(
    store,
    storePaths.quarantine(name, version),
    quarantine.map((entry) => `${JSON.stringify(entry)}\n`).join(''),
  );
  await putIfNew(store, storePaths.manifest(name, version), `${JSON.stringify(manifest, undefined, 1)}\n`);
  return manifest;
}

function summarise(
  shards: readonly ShardEntry[],
  split: Split,
  classes: number,
  modalities: readonly Modality[],
): DatasetManifest['splits'][Split] {
  const own = shards.filter((shard) => shard.split === split);
  const total = (count: (shard: ShardEntry) => number) => own.reduce((sum, shard) => sum + count(shard), 0);
  return {
    rows: total(({ rows }) => rows),
    classCounts: Array.from({ length: classes }, (_, label) =>
      total((shard) => shard.classCounts[label] ?? 0),
    ),
    missingCounts: Object.fromEntries(
      modalities.map((modality) => [modality, total((shard) => shard.missingCounts[modality] ?? 0)]),
    ),
  };
}

function normalise(
  shards: readonly ShardEntry[],
  modalities: readonly Modality[],
): Partial<Record<Modality, Normalisation>> {
  const normalisation: Partial<Record<Modality, Normalisation>> = {};
  for (const modality of modalities) {
    let sums: ChannelSums | undefined;
    for (const shard of shards) {
      const own = shard.sums[modality];
      if (shard.split === 'train' && own !== undefined) sums = addSums(sums, own);
    }
    if (sums !== undefined) normalisation[modality] = normalisationOf(sums);
  }
  return normalisation;
}

function checkUsable(manifest: DatasetManifest, store: Store): void {
  for (const split of ['train', 'test'] as const) {
    if (manifest.splits[split].rows > 0) continue;
    const lost = manifest.quarantine.filter((entry) => entry.split === split);
    const reasons = lost.slice(0, REASONS_SHOWN).map(({ clipId, reason }) => `${clipId}: ${reason}`);
    throw new ModalmixError(
      'config',
      lost.length === 0
        ? `the ${split} split has no clip`
        : `the ${split} split is empty: all of its clips (${String(lost.length)}) were quarantined (${reasons.join('; ')})`,
      {
        where: `dataset "${manifest.name}" in ${store.uri}`,
        fix: `Give the ${split} split clips that ffmpeg can read.`,
      },
    );
  }
  for (const modality of manifest.modalities) {
    if (manifest.normalisation[modality] !== undefined) continue;
    throw new ModalmixError(
      'config',
      `none of the ${String(manifest.splits.train.rows)} training clips has usable ${modality}`,
      {
        where: 'extraction.modalities',
        fix: `Remove "${modality}", or give clips that have it.`,
      },
    );
  }
}

async function putIfNew(store: Store, path: string, text: string): Promise<void> {
  const existing = await store.find(path);
  if (existing?.toString('utf8') !== text) await store.put(path, text);
}
