/** From shards to a version: what their entries add up to, and the manifest that makes them visible. */
import { SPLITS, type Split } from '../../../schemas/clip.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { DatasetManifest, ShardEntry } from '../../../schemas/manifest.ts';
import { inOrder, type Modality } from '../../../schemas/modality.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { Store } from '../../store/store.ts';
import { manifestText, normalise } from './manifest-text.ts';

const REASONS_SHOWN = 3;

/** @param classes how many there are */
export function mergeShards(
  shards: readonly ShardEntry[],
  classes: number,
  configured: readonly Modality[],
): Pick<DatasetManifest, 'modalities' | 'shards' | 'splits' | 'normalisation'> {
  const modalities = inOrder(configured);
  const splits = Object.fromEntries(
    SPLITS.map((split) => [split, summarise(shards, split, classes, modalities)]),
  ) as DatasetManifest['splits'];
  return { modalities, shards: [...shards], splits, normalisation: normalise(shards, modalities) };
}

/**
 * Writes the quarantine list and, last, the manifest; nothing is written where the same bytes are.
 * @throws ModalmixError `config` when the training or test split is empty, or no training clip has one of
 *   the modalities
 */
export async function writeManifest(store: Store, manifest: DatasetManifest): Promise<void> {
  checkUsable(manifest, store);
  const { name, version, quarantine } = manifest;
  await putIfNew(
    store,
    storePaths.quarantine(name, version),
    quarantine.map((entry) => `${JSON.stringify(entry)}\n`).join(''),
  );
  await putIfNew(store, storePaths.manifest(name, version), manifestText(manifest));
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
