/** All clips of a dataset's version, who they are and what is odd about them; no features. Kept by version, which never changes. */
import type { Split } from '../../../schemas/clip.ts';
import type { DatasetManifest, QuarantineEntry, ShardEntry } from '../../../schemas/manifest.ts';
import { modalityBit, type Modality } from '../../../schemas/modality.ts';
import { loadManifest } from '../../../pipelines/shards/manifest/load-manifest.ts';
import { openPlan, planExists } from '../../../pipelines/shards/plan/plan-file.ts';
import { readShardColumns, readShardPresence } from '../../../pipelines/shards/read/shard-columns.ts';
import type { Store } from '../../../pipelines/store/store.ts';

export interface Clip {
  readonly clipId: string;
  readonly label: number;
  readonly split: Split;
  readonly sha256: string;
  readonly group?: string;
  /** Of the media file; absent: not known here. */
  readonly path?: string;
  readonly audioPath?: string;
  readonly startS?: number;
  readonly endS?: number;
  /** Index into the manifest's shards; absent: it has no row. */
  readonly shard?: number;
  /** Bits as `modalityBit` gives them. */
  missing: number;
  readonly quarantine?: QuarantineEntry;
}

export interface ClipTable {
  readonly manifest: DatasetManifest;
  /** Split by split, in the shards' order; those of the quarantine among them. */
  readonly clips: readonly Clip[];
  /** Places in `clips`; of two splits' clips with one id the first. */
  readonly byId: ReadonlyMap<string, number>;
  /** How many clips have this content, where it is more than one. */
  readonly copies: ReadonlyMap<string, readonly number[]>;
  readonly hasFiles: boolean;
}

/** @throws ModalmixError `input` where there is no such version, or it cannot be read */
export async function readClips(store: Store, name: string, version: string): Promise<ClipTable> {
  const manifest = await loadManifest(store, name, version);
  const quarantine = new Map(manifest.quarantine.map((entry) => [placeOf(entry.split, entry.clipId), entry]));
  const hasFiles = await planExists(store, name, version);
  const clips = hasFiles
    ? await ofPlan(store, manifest, quarantine)
    : [...(await ofShards(store, manifest)), ...manifest.quarantine.map(quarantined)];
  await noteMissing(store, manifest, clips);
  const byId = new Map<string, number>();
  const byContent = new Map<string, number[]>();
  for (const [i, { clipId, sha256 }] of clips.entries()) {
    if (!byId.has(clipId)) byId.set(clipId, i);
    if (sha256 === '') continue;
    const same = byContent.get(sha256);
    if (same === undefined) byContent.set(sha256, [i]);
    else same.push(i);
  }
  const copies = new Map([...byContent].filter(([, places]) => places.length > 1));
  return { manifest, clips, byId, copies, hasFiles };
}

export function missingOf({ manifest: { modalities } }: Pick<ClipTable, 'manifest'>, clip: Clip): Modality[] {
  if (clip.shard === undefined) return [];
  return modalities.filter((modality) => (clip.missing & modalityBit(modality, modalities)) !== 0);
}

const placeOf = (split: string, clipId: string) => `${split}\n${clipId}`;

async function ofPlan(
  store: Store,
  manifest: DatasetManifest,
  quarantine: ReadonlyMap<string, QuarantineEntry>,
): Promise<Clip[]> {
  const shards = new Map(manifest.shards.map(({ split, key }, i) => [`${split}-${key}`, i]));
  const plan = await openPlan(store, manifest.name, manifest.version);
  const clips: Clip[] = [];
  for await (const { split, key, clips: planned } of plan.lines()) {
    const shard = shards.get(`${split}-${key}`);
    for (const { clipId, label, sourceSha256, path, audioPath, group, startS, endS } of planned) {
      const bad = quarantine.get(placeOf(split, clipId));
      clips.push({
        ...{ clipId, label, split, sha256: sourceSha256, path, missing: 0 },
        ...(audioPath === undefined ? {} : { audioPath }),
        ...(group === undefined ? {} : { group }),
        ...(startS === undefined ? {} : { startS }),
        ...(endS === undefined ? {} : { endS }),
        ...(bad === undefined ? (shard === undefined ? {} : { shard }) : { quarantine: bad }),
      });
    }
  }
  return clips;
}

/** Of a version that came by stream, which has no plan. */
async function ofShards(store: Store, manifest: DatasetManifest): Promise<Clip[]> {
  const clips: Clip[] = [];
  for (const [shard, entry] of manifest.shards.entries()) {
    for (const { sourceSha256, ...row } of await readShardColumns(store, entry)) {
      clips.push({ ...row, sha256: sourceSha256, shard, missing: 0 });
    }
  }
  return clips;
}

function quarantined(quarantine: QuarantineEntry): Clip {
  const { clipId, path, split } = quarantine;
  return { clipId, path, split, label: -1, sha256: '', missing: 0, quarantine };
}

/** Only shards that lack something are read. */
async function noteMissing(store: Store, { shards }: DatasetManifest, clips: readonly Clip[]): Promise<void> {
  const lacking = new Set(shards.flatMap((entry, i) => (lacks(entry) ? [i] : [])));
  if (lacking.size === 0) return;
  const byRow = new Map<string, Clip>();
  for (const clip of clips) {
    if (clip.shard !== undefined && lacking.has(clip.shard))
      byRow.set(placeOf(clip.split, clip.clipId), clip);
  }
  for (const i of lacking) {
    for (const { split, clipId, missing } of await readShardPresence(store, shards[i]!)) {
      const clip = byRow.get(placeOf(split, clipId));
      if (clip !== undefined) clip.missing = missing;
    }
  }
}

function lacks({ missingCounts }: ShardEntry): boolean {
  return Object.values(missingCounts).some((count) => (count ?? 0) > 0);
}
