/** A sink's beginning: takes the dataset over from any other sink, and learns which rows there are. */
import { streamRowSchema, type StreamManifest } from '../../schemas/stream.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Store } from '../store/store.ts';
import type { SinkInput } from './sink.ts';
import { SinkState } from './sink-state.ts';
import { StreamIndex } from './stream-index.ts';
import { emptyStreamManifest, findStreamManifest, publishStreamManifest } from './stream-manifest.ts';
import { extractionKeyOfTarget } from './stream-target.ts';

/** @throws ModalmixError `config` when the dataset's classes are others than the stream's */
export async function openSinkState(input: SinkInput): Promise<SinkState> {
  const { store, target, writerId } = input;
  const found = await findStreamManifest(store, target.name, extractionKeyOfTarget(target));
  const before = found ?? emptyStreamManifest(target, writerId);
  requireSameClasses(before, target.classNames);
  // Whoever wrote until now cannot publish its next generation any more.
  const manifest = {
    ...before,
    generation: before.generation + 1,
    writer: writerId,
    publishedAt: new Date().toISOString(),
  };
  await publishStreamManifest(store, manifest);
  await deleteUnpublished(store, manifest);
  return new SinkState(store, manifest, await rebuildIndex(store, manifest), input.shares, writerId);
}

function requireSameClasses(manifest: StreamManifest, classNames: readonly string[]): void {
  if (JSON.stringify(manifest.classNames) === JSON.stringify(classNames)) return;
  throw new ModalmixError(
    'config',
    `the classes are ${classNames.join(', ')}, the stream's shards were written with ${manifest.classNames.join(', ')}`,
    { where: manifest.name, fix: 'Use another dataset name for other classes.' },
  );
}

/** The row that counts for each clip: the last one, in the order of publication. */
export async function rebuildIndex(store: Store, manifest: StreamManifest): Promise<StreamIndex> {
  const index = new StreamIndex();
  const gone = new Set(manifest.superseded.map(({ shard, row }) => `${shard}#${String(row)}`));
  for (const { entry, rowsPath } of manifest.shards) {
    const lines = (await store.get(rowsPath)).toString().split('\n');
    for (const [row, line] of lines.entries()) {
      if (line === '' || gone.has(`${entry.path}#${String(row)}`)) continue;
      const { clipId, label, split, group, contentHash, sentAtMs } = streamRowSchema.parse(JSON.parse(line));
      index.set(clipId, {
        ...{ label, split, contentHash, sentAtMs, place: { shard: entry.path, row } },
        ...(group === undefined ? {} : { group }),
      });
    }
  }
  return index;
}

/** Files that an earlier sink wrote and died before it could name them in a manifest. */
async function deleteUnpublished(store: Store, manifest: StreamManifest): Promise<void> {
  const named = new Set(manifest.shards.flatMap(({ entry, rowsPath }) => [entry.path, rowsPath]));
  const folder = storePaths.streamShards(manifest.name, manifest.extractionKey);
  for (const path of await store.list(folder)) if (!named.has(path)) await store.delete(path);
}
