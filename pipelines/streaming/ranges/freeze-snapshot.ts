/**
 * An immutable version of a dataset out of a base version and what came by stream until one manifest of it:
 * each clip once, the stream's row before the base's. Training needs to know nothing of streams.
 */
import { createHash } from 'node:crypto';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { DatasetManifest, ShardEntry } from '../../../schemas/manifest.ts';
import type { StreamManifest } from '../../../schemas/stream.ts';
import { mergeShards, writeManifest } from '../../shards/manifest/merge-shards.ts';
import { rewriteShard } from '../../shards/write/rewrite-shard.ts';
import { readShardColumns } from '../../shards/read/shard-columns.ts';
import type { Store } from '../../store/store.ts';
import { extractionKeyOf } from '../rows/feature-record.ts';

export interface FreezeSnapshotInput {
  readonly store: Store;
  readonly base: DatasetManifest;
  /** Of the same dataset, classes, modalities and extraction key as `base`. */
  readonly stream: StreamManifest;
  /** Shards that came with the window, by their paths in `stream`. */
  readonly newShards: readonly string[];
  readonly signal?: AbortSignal;
}

/** A shard of the base or the stream, and the rows that are not in the snapshot. */
interface Part {
  readonly entry: ShardEntry;
  readonly dropped: ReadonlySet<number>;
  readonly fromStream: boolean;
  readonly isNew: boolean;
}

const VERSION_CHARACTERS = 16;

/**
 * Publishes the version. Shards that lose no row are named as they are, the others are written anew without
 * those rows. The same input gives the same version and bytes; what an earlier, killed run wrote is used.
 *
 * @returns the published manifest, with `snapshot` set
 * @throws ModalmixError `config` when base and stream do not fit together or the result has no training or
 *   test clip; `input` when a shard is missing or damaged; `cancelled` on the signal
 */
export async function freezeSnapshot(input: FreezeSnapshotInput): Promise<DatasetManifest> {
  const { store, base, stream, signal } = input;
  requireFit(base, stream);
  const parts = await planParts(input);
  const shards: ShardEntry[] = [];
  const newShards: string[] = [];
  for (const part of parts) {
    if (signal?.aborted === true) throw new ModalmixError('cancelled', 'freezing was asked to stop');
    const entry = await entryOf(part, input);
    shards.push(entry);
    if (part.isNew) newShards.push(entry.path);
  }
  const droppedRows =
    base.shards.reduce((sum, { rows }) => sum + rows, 0) +
    stream.shards.reduce((sum, { entry }) => sum + entry.rows, 0) -
    shards.reduce((sum, { rows }) => sum + rows, 0);
  const fromStream = parts.reduce(
    (sum, { fromStream, entry, dropped }) => sum + (fromStream ? entry.rows - dropped.size : 0),
    0,
  );
  const { name, classNames, extraction, extractorVersion } = base;
  const manifest: DatasetManifest = {
    formatVersion: 1,
    name,
    version: versionOf(input, parts),
    classNames,
    extraction,
    extractorVersion,
    ...mergeShards(shards, classNames.length, extraction.modalities),
    quarantine: base.quarantine,
    index: {
      ...base.index,
      notes: [
        ...base.index.notes,
        `${String(fromStream)} clips came by stream (generation ${String(stream.generation)}), on top of version ${base.version}; ${String(droppedRows)} earlier rows of clips that came again are left out`,
      ],
    },
    snapshot: {
      baseVersion: base.version,
      extractionKey: stream.extractionKey,
      generation: stream.generation,
      newShards,
      droppedRows,
    },
  };
  await writeManifest(store, manifest);
  return manifest;
}

function requireFit(base: DatasetManifest, stream: StreamManifest): void {
  const differences = [
    ['name', base.name, stream.name],
    ['classes', base.classNames.join(', '), stream.classNames.join(', ')],
    ['modalities', [...base.modalities].sort().join(', '), [...stream.modalities].sort().join(', ')],
    ['extraction key', extractionKeyOf(base.extraction, base.extractorVersion), stream.extractionKey],
  ] as const;
  for (const [what, ofBase, ofStream] of differences) {
    if (ofBase === ofStream) continue;
    throw new ModalmixError(
      'config',
      `the base version's ${what}: ${ofBase}; the stream's: ${ofStream}; their rows cannot stand in one dataset`,
      {
        where: `dataset "${base.name}", version ${base.version}`,
        fix: "Rebuild the base with the config (and the ffmpeg) that the stream workers use, or restart them with the base's.",
      },
    );
  }
}

/** The snapshot's shards in order, the base's first; shards of which no row counts are left out. */
async function planParts({ store, base, stream, newShards }: FreezeSnapshotInput): Promise<Part[]> {
  const unknown = newShards.find((path) => !stream.shards.some(({ entry }) => entry.path === path));
  if (unknown !== undefined) {
    throw new ModalmixError('input', "the window names a shard that the stream's manifest does not", {
      where: unknown,
    });
  }
  const superseded = new Map<string, Set<number>>();
  for (const { shard, row } of stream.superseded) {
    superseded.set(shard, (superseded.get(shard) ?? new Set()).add(row));
  }
  const streamClips = new Set<string>();
  const streamParts: Part[] = [];
  for (const { entry } of stream.shards) {
    const dropped = superseded.get(entry.path) ?? new Set();
    const rows = await readShardColumns(store, entry);
    for (const [row, { clipId }] of rows.entries()) if (!dropped.has(row)) streamClips.add(clipId);
    streamParts.push({ entry, dropped, fromStream: true, isNew: newShards.includes(entry.path) });
  }
  const baseParts: Part[] = [];
  for (const entry of base.shards) {
    const rows = await readShardColumns(store, entry);
    const dropped = new Set(rows.flatMap(({ clipId }, row) => (streamClips.has(clipId) ? [row] : [])));
    baseParts.push({ entry, dropped, fromStream: false, isNew: false });
  }
  return [...baseParts, ...streamParts].filter(
    ({ entry, dropped }) => dropped.size === 0 || dropped.size < entry.rows,
  );
}

async function entryOf({ entry, dropped }: Part, input: FreezeSnapshotInput): Promise<ShardEntry> {
  if (dropped.size === 0) return entry;
  const { store, base, signal } = input;
  const { name, classNames, extraction, extractorVersion } = base;
  return await rewriteShard({
    ...{ store, name, entry, dropped, classNames, extraction, extractorVersion },
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Everything the manifest depends on, times not among it. */
function versionOf({ base, stream }: FreezeSnapshotInput, parts: readonly Part[]): string {
  const facts = [
    'snapshot',
    base.version,
    stream.extractionKey,
    stream.generation,
    parts.map(({ entry, dropped, isNew }) => [
      entry.path,
      entry.sha256,
      [...dropped].sort((a, b) => a - b),
      isNew,
    ]),
  ];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, VERSION_CHARACTERS);
}
