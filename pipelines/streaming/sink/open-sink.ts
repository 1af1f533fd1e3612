/** A sink's beginning: takes the dataset over from any other sink, and learns which rows there are. */
import { ModalmixError } from '../../../schemas/errors.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { StreamHead, StreamManifest } from '../../../schemas/stream.ts';
import { loadManifest } from '../../shards/manifest/load-manifest.ts';
import { readShardColumns } from '../../shards/read/shard-columns.ts';
import type { Store } from '../../store/store.ts';
import { extractionKeyOf } from '../rows/feature-record.ts';
import { setRow } from '../rows/judge-record.ts';
import { readStreamRows } from '../rows/rows-file.ts';
import type { SinkInput } from './sink-input.ts';
import { SinkState } from './sink-state.ts';
import { StreamIndex } from '../rows/stream-index.ts';
import {
  emptyStreamManifest,
  findStreamManifest,
  newestGeneration,
  publishStreamManifest,
} from './stream-manifest.ts';
import { extractionKeyOfTarget } from '../stream-target.ts';

export type OpenSinkInput = Pick<
  SinkInput,
  'store' | 'target' | 'baseVersion' | 'shares' | 'writerId' | 'log'
>;

/** @throws ModalmixError `config` when the classes of the dataset, its base version and the stream are not the same */
export async function openSinkState(input: OpenSinkInput): Promise<SinkState> {
  const { store, target, writerId } = input;
  const found = await findStreamManifest(store, target.name, extractionKeyOfTarget(target));
  const { baseVersion: _before, ...before } = found ?? emptyStreamManifest(target, writerId);
  requireSameClasses(before, target.classNames, "the stream's shards");
  const base = await loadBase(input);
  // Whoever wrote until now cannot publish its next generation any more.
  const manifest: StreamManifest = {
    ...before,
    generation: before.generation + 1,
    writer: writerId,
    publishedAt: new Date().toISOString(),
    ...(base === undefined ? {} : { baseVersion: base.version }),
  };
  const head = await publishStreamManifest(store, manifest);
  await deleteUnnamed(store, head, manifest);
  const index = await rebuildIndex(store, manifest, base);
  return new SinkState(store, { manifest, head }, index, input.shares, writerId);
}

/** The base version, when its rows are extracted as the stream's are: else it knows no row of this stream. */
async function loadBase({ store, target, baseVersion, log }: OpenSinkInput) {
  if (baseVersion === undefined) return undefined;
  const base = await loadManifest(store, target.name, baseVersion);
  const [ofBase, ofStream] = [
    extractionKeyOf(base.extraction, base.extractorVersion),
    extractionKeyOfTarget(target),
  ];
  if (ofBase !== ofStream) {
    log.warn({ baseVersion, ofBase, ofStream }, 'the base version is extracted otherwise: not compared with');
    return undefined;
  }
  requireSameClasses(base, target.classNames, 'the base version');
  return base;
}

function requireSameClasses(
  { name, classNames }: { readonly name: string; readonly classNames: readonly string[] },
  expected: readonly string[],
  whose: string,
): void {
  if (JSON.stringify(classNames) === JSON.stringify(expected)) return;
  throw new ModalmixError(
    'config',
    `the classes are ${expected.join(', ')}; ${whose} have ${classNames.join(', ')}`,
    { where: name, fix: 'Use another dataset name for other classes.' },
  );
}

/** The row that counts for each clip: the stream's last one, in the order of publication; else the base's. */
export async function rebuildIndex(
  store: Store,
  manifest: StreamManifest,
  base: DatasetManifest | undefined,
): Promise<StreamIndex> {
  const index = new StreamIndex();
  for (const entry of base?.shards ?? []) {
    for (const { clipId, sourceSha256, ...row } of await readShardColumns(store, entry)) {
      // Any event about the clip is newer.
      index.set(clipId, { ...row, contentHash: sourceSha256, sentAtMs: Number.NEGATIVE_INFINITY });
    }
  }
  const gone = new Set(manifest.superseded.map(({ shard, row }) => `${shard}#${String(row)}`));
  for (const { entry, rowsPath } of manifest.shards) {
    const newest = manifest.generation;
    const rows = await readStreamRows(store, { rowsPath, rows: entry.rows, newest });
    for (const [row, content] of rows.entries()) {
      if (!gone.has(`${entry.path}#${String(row)}`)) setRow(index, content, { shard: entry.path, row });
    }
  }
  for (const { clipId, sentAtMs } of manifest.confirmed ?? []) index.confirm(clipId, sentAtMs);
  return index;
}

/** Files that an earlier sink wrote and died before it could name them in a manifest. */
async function deleteUnnamed(store: Store, head: StreamHead, manifest: StreamManifest): Promise<void> {
  const { name, extractionKey, generation } = manifest;
  const named = new Set([
    ...manifest.shards.flatMap(({ entry, rowsPath }) => [entry.path, rowsPath]),
    ...[...head.segments, ...head.retired].map(({ path }) => path),
  ]);
  const folders = [storePaths.streamShards, storePaths.streamSegments];
  const found = await Promise.all(
    folders.map(async (folder) => await store.list(folder(name, extractionKey))),
  );
  // A sink that has taken over since may have written some of them; the first thing it does is to publish.
  if ((await newestGeneration(store, name, extractionKey)) !== generation) return;
  for (const path of found.flat()) if (!named.has(path)) await store.delete(path);
}
