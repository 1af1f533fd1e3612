/** A stream's manifest in pieces: upkeep knows them, what they name, and those that nothing names. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStore } from '../../../pipelines/store/open-store.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { rowsKey } from '../../../pipelines/streaming/rows/rows-file.ts';
import { rebuildIndex } from '../../../pipelines/streaming/sink/open-sink.ts';
import {
  emptyStreamManifest,
  publishStreamManifest,
} from '../../../pipelines/streaming/sink/stream-manifest.ts';
import { findGarbage } from '../../../pipelines/upkeep/find-garbage.ts';
import { verifyStore } from '../../../pipelines/upkeep/verify-store.ts';
import { extractionConfigSchema } from '../../../schemas/config/extraction-config.ts';
import { streamConfigSchema } from '../../../schemas/config/stream-config.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { StreamHead, StreamManifest, StreamRow } from '../../../schemas/stream.ts';

const SHARDS = 70;
/** This one's rows were in a shard before: its name says in which generation they came again. */
const READ_AGAIN = 3;
const hashBytes = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const LATER = { before: new Date(Date.now() + 3_600_000) };
let folder: string;
let store: Store;
let manifest: StreamManifest;
let head: StreamHead;
let key: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-pieces-'));
  store = openStore(`file:${folder}`);
  const empty = emptyStreamManifest(
    {
      ...{ name: 'd', classNames: ['a'], extraction: extractionConfigSchema.parse({}) },
      ...{ extractorVersion: '1', stream: streamConfigSchema.parse({}) },
    },
    'test',
  );
  key = empty.extractionKey;
  const shards = await Promise.all(Array.from({ length: SHARDS }, async (_, i) => await writeShard(i)));
  manifest = { ...empty, generation: 1, offsets: { '0': SHARDS }, shards };
  head = await publishStreamManifest(store, manifest);
  expect(head.segments).toHaveLength(1);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function writeShard(index: number): Promise<StreamManifest['shards'][number]> {
  const row: StreamRow = {
    ...{ clipId: `clip ${String(index)}`, label: 0, split: 'train', contentHash: 'c', sentAtMs: index },
    ...{ partition: 0, offset: index },
  };
  const lines = `${JSON.stringify(row)}\n`;
  const name = rowsKey(lines, index === READ_AGAIN ? 1 : undefined);
  const path = storePaths.streamShard('d', key, 'train', name);
  const rowsPath = storePaths.streamShardRows('d', key, 'train', name);
  const bytes = Buffer.from(`shard ${name}`);
  await store.put(path, bytes);
  await store.put(rowsPath, lines);
  return {
    rowsPath,
    entry: {
      ...{ path, split: 'train', key: name, rows: 1, bytes: bytes.length, sha256: hashBytes(bytes) },
      ...{ quarantined: [], classCounts: [1], missingCounts: {}, sums: {} },
    },
  };
}

test('a whole stream has nothing wrong, and nothing of it is garbage', async () => {
  expect((await verifyStore(store)).findings).toEqual([]);
  expect(await findGarbage(store, LATER)).toEqual([]);
});

test('rows that have changed since they were written are told, and no sink goes on with them', async () => {
  expect((await rebuildIndex(store, manifest, undefined)).size).toBe(SHARDS);
  const { rowsPath } = manifest.shards[5]!;
  const text = (await store.get(rowsPath)).toString();
  await writeFile(join(folder, rowsPath), text.replace('"sentAtMs":5', '"sentAtMs":9'));
  expect((await verifyStore(store)).findings).toMatchObject([
    { path: rowsPath, state: 'damaged', mend: 'restore' },
  ]);
  await expect(rebuildIndex(store, manifest, undefined)).rejects.toMatchObject({
    kind: 'input',
    message: 'it has changed since it was written',
  });
});

test('a shard that only a piece names, the piece itself, and a piece that is gone are missed', async () => {
  const first = manifest.shards[0]!;
  await store.delete(first.entry.path);
  expect((await verifyStore(store)).findings).toMatchObject([
    { path: first.entry.path, state: 'missing', mend: 'restore' },
  ]);
  const [{ path }] = head.segments as [StreamHead['segments'][number]];
  const text = (await store.get(path)).toString();
  await writeFile(join(folder, path), text.replace('"rows":1,', '"rows":2,'));
  expect((await verifyStore(store)).findings.map((finding) => [finding.path, finding.state])).toContainEqual([
    path,
    'damaged',
  ]);
  await store.delete(path);
  expect((await verifyStore(store)).findings.map((finding) => [finding.path, finding.state])).toContainEqual([
    path,
    'missing',
  ]);
});

test('a piece that no manifest names is garbage, and not while it is young', async () => {
  const [{ path }] = head.segments as [StreamHead['segments'][number]];
  const text = (await store.get(path)).toString();
  const stray = path.replace(/[0-9a-f]{64}/u, hashBytes(Buffer.from('stray')));
  await store.put(stray, text);
  const hourAgo = new Date(Date.now() - 3_600_000);
  await utimes(join(folder, stray), hourAgo, hourAgo);
  expect((await findGarbage(store, LATER)).map((one) => one.path)).toEqual([stray]);
  expect(await findGarbage(store, { before: new Date(Date.now() - 2 * 3_600_000) })).toEqual([]);
});
