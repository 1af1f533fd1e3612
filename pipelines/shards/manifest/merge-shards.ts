/** From shards to a version: what their entries add up to, and the manifest that makes them visible. */
import { rm } from 'node:fs/promises';
import { SPLITS, type Split } from '../../../schemas/clip.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { DatasetManifest, QuarantineEntry, ShardEntry } from '../../../schemas/manifest.ts';
import { inOrder, type Modality } from '../../../schemas/modality.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { Store } from '../../store/store.ts';
import { PartWriter, QuarantineWriter } from './manifest-parts.ts';
import { manifestHeadText, manifestText } from './manifest-text.ts';
import { ShardTotals } from './shard-totals.ts';

/** A version of more shards has them in parts. */
export const SHARDS_IN_ONE = 4_096;

const REASONS_SHOWN = 3;

/** What does not follow from the shards. */
export type VersionFacts = Omit<
  DatasetManifest,
  'formatVersion' | 'modalities' | 'shards' | 'splits' | 'normalisation' | 'quarantine'
>;

export interface PublishOptions {
  /** Default: what the shards' entries say. */
  readonly quarantine?: readonly QuarantineEntry[];
  /** Default: `SHARDS_IN_ONE`. */
  readonly shardsInOne?: number;
  /** Of a part's file, at most unless an entry is larger. Default: 16 MiB. */
  readonly partBytes?: number;
}

/** Of what was published. */
export interface PublishedCounts {
  /** In shards. */
  readonly clips: number;
  readonly quarantined: number;
}

/** @param classes how many there are */
export function mergeShards(
  shards: readonly ShardEntry[],
  classes: number,
  configured: readonly Modality[],
): Pick<DatasetManifest, 'modalities' | 'shards' | 'splits' | 'normalisation'> {
  const modalities = inOrder(configured);
  const totals = new ShardTotals(classes, modalities);
  for (const shard of shards) totals.add(shard);
  return { modalities, shards: [...shards], splits: totals.splits(), normalisation: totals.normalisation() };
}

/** `writeVersion` of a manifest that is there whole. */
export async function writeManifest(store: Store, manifest: DatasetManifest): Promise<void> {
  const {
    formatVersion: _format,
    modalities: _modalities,
    shards,
    splits: _splits,
    normalisation: _normalisation,
    quarantine,
    ...facts
  } = manifest;
  await writeVersion(store, facts, shards, { quarantine });
}

/**
 * Writes the quarantine list and, last, the manifest; nothing is written where the same bytes are. Entries are taken as they
 * come, and not held, but for the first ones.
 *
 * @throws ModalmixError `config` when the training or test split is empty, or no training clip has one of
 *   the modalities
 */
export async function writeVersion(
  store: Store,
  facts: VersionFacts,
  shards: AsyncIterable<ShardEntry> | Iterable<ShardEntry>,
  { quarantine, shardsInOne = SHARDS_IN_ONE, partBytes }: PublishOptions = {},
): Promise<PublishedCounts> {
  const { name, version, classNames, extraction } = facts;
  const modalities = inOrder(extraction.modalities);
  const totals = new ShardTotals(classNames.length, modalities);
  const lost = new LostClips();
  const parts = new PartWriter(store, { name, version }, partBytes);
  const first: ShardEntry[] = [];
  const scratch = await store.scratchFolder();
  const list = await QuarantineWriter.begin(scratch);
  try {
    let count = 0;
    const note = async (entries: readonly QuarantineEntry[]) => {
      lost.add(entries);
      await list.add(entries);
    };
    for await (const shard of shards) {
      totals.add(shard);
      if (quarantine === undefined) await note(shard.quarantined);
      count += 1;
      if (count <= shardsInOne) first.push(shard);
      else {
        for (const early of first.splice(0)) await parts.add(early);
        await parts.add(shard);
      }
    }
    if (quarantine !== undefined) await note(quarantine);
    const common = { ...facts, modalities, splits: totals.splits(), normalisation: totals.normalisation() };
    checkUsable(common, lost, store);
    const quarantineSha256 = await list.publish(store, storePaths.quarantine(name, version));
    const own = quarantine ?? first.flatMap(({ quarantined }) => quarantined);
    const text =
      count <= shardsInOne
        ? manifestText({ ...common, formatVersion: 1, shards: first, quarantine: [...own] })
        : manifestHeadText({
            ...common,
            formatVersion: 2,
            parts: [...(await parts.end())],
            quarantineSha256,
          });
    await putIfNew(store, storePaths.manifest(name, version), text);
    return { clips: totals.rows, quarantined: list.entries };
  } finally {
    await list.end();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** How many clips of each split are in quarantine, and why the first ones. */
class LostClips {
  readonly #counts = new Map<Split, number>();
  readonly #reasons = new Map<Split, string[]>(SPLITS.map((split) => [split, []]));

  add(entries: readonly QuarantineEntry[]): void {
    for (const { split, clipId, reason } of entries) {
      this.#counts.set(split, this.count(split) + 1);
      const reasons = this.reasons(split);
      if (reasons.length < REASONS_SHOWN) reasons.push(`${clipId}: ${reason}`);
    }
  }

  count(split: Split): number {
    return this.#counts.get(split) ?? 0;
  }

  reasons(split: Split): string[] {
    return this.#reasons.get(split)!;
  }
}

function checkUsable(
  manifest: Pick<DatasetManifest, 'name' | 'modalities' | 'splits' | 'normalisation'>,
  lost: LostClips,
  store: Store,
): void {
  for (const split of ['train', 'test'] as const) {
    if (manifest.splits[split].rows > 0) continue;
    const count = lost.count(split);
    throw new ModalmixError(
      'config',
      count === 0
        ? `the ${split} split has no clip`
        : `the ${split} split is empty: all of its clips (${String(count)}) were quarantined (${lost.reasons(split).join('; ')})`,
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
