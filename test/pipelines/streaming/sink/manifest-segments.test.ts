/** A manifest in pieces: the same lists come back, whatever their length, and a publication writes little. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import {
  emptyStreamManifest,
  findStreamManifest,
  publishStreamManifest,
} from '../../../../pipelines/streaming/sink/stream-manifest.ts';
import { extractionConfigSchema } from '../../../../schemas/config/extraction-config.ts';
import { streamConfigSchema } from '../../../../schemas/config/stream-config.ts';
import { storePaths } from '../../../../schemas/names.ts';
import type { StreamHead, StreamManifest } from '../../../../schemas/stream.ts';

const root = mkdtempSync(join(tmpdir(), 'modalmix-segments-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const EMPTY = emptyStreamManifest(
  {
    ...{ name: 'd', classNames: ['a', 'b'], extraction: extractionConfigSchema.parse({}) },
    ...{ extractorVersion: '1', stream: streamConfigSchema.parse({}) },
  },
  'test',
);
const { extractionKey } = EMPTY;

let stores = 0;
let folder: string;
let store: Store;
beforeEach(() => {
  folder = join(root, String(stores++));
  store = openStore(`file:${folder}`);
});

function shard(index: number): StreamManifest['shards'][number] {
  const key = String(index).padStart(32, '0');
  const path = storePaths.streamShard('d', extractionKey, 'train', key);
  return {
    rowsPath: storePaths.streamShardRows('d', extractionKey, 'train', key),
    entry: {
      ...{ path, split: 'train', key, rows: 100, bytes: 90_000_000, sha256: key.repeat(2), quarantined: [] },
      ...{ classCounts: [50, 50], missingCounts: {}, sums: {} },
    },
  };
}

/** With one more shard, and at times a row that is superseded or confirmed. */
function next(manifest: StreamManifest): StreamManifest {
  const generation = manifest.generation + 1;
  const { shards, superseded, confirmed = [] } = manifest;
  const gone = { shard: shards[0]?.entry.path ?? '', row: generation, clipId: `gone-${String(generation)}` };
  return {
    ...manifest,
    generation,
    offsets: { '0': generation * 100 },
    counts: { ...manifest.counts, rows: generation * 100 },
    shards: [...shards, shard(generation)],
    superseded: generation % 3 === 0 ? [...superseded, gone] : superseded,
    confirmed: generation % 5 === 0 ? [...confirmed, { clipId: 'c', sentAtMs: generation }] : confirmed,
  };
}

const read = async () => await findStreamManifest(store, 'd', extractionKey);
const segments = () => {
  const path = join(folder, storePaths.streamSegments('d', extractionKey));
  return readdirSync(path).map((name) => join(path, name));
};

test(
  'what was published comes back, after each of 500 publications; old pieces are deleted',
  { timeout: 60_000 },
  async () => {
    let manifest: StreamManifest = EMPTY;
    let head: StreamHead | undefined;
    const made = new Set<string>();
    for (let i = 1; i <= 500; i += 1) {
      manifest = next(manifest);
      head = await publishStreamManifest(store, manifest, head);
      for (const { path } of head.segments) made.add(path);
      if (i % 50 === 0 || i < 3) expect(await read()).toEqual(manifest);
    }
    expect(await read()).toEqual(manifest);
    // 500 shards, 166 rows and 100 clips in pieces of 64, of which eight became one.
    expect(made.size).toBeGreaterThan(10);
    const there = segments().map((path) => path.slice(folder.length + 1));
    const named = [...(head?.segments ?? []), ...(head?.retired ?? [])].map(({ path }) => path);
    expect(there.sort()).toEqual(named.sort());
    expect(head!.segments.length).toBeLessThan(16);

    // A sink that starts continues what is stored, without being told of it.
    const after = next(manifest);
    const continued = await publishStreamManifest(store, after);
    expect(continued.segments.slice(0, 2)).toEqual(head!.segments.slice(0, 2));
    expect(await read()).toEqual(after);
  },
);

test('with 50,000 shards a publication writes less than 200 KB', async () => {
  const shards = Array.from({ length: 50_000 }, (_, i) => shard(i));
  let manifest: StreamManifest = { ...EMPTY, generation: 1, shards };
  let head = await publishStreamManifest(store, manifest);
  for (let i = 0; i < 20; i += 1) {
    manifest = next(manifest);
    head = await publishStreamManifest(store, manifest, head);
    const path = join(folder, storePaths.streamManifest('d', extractionKey, manifest.generation));
    expect(statSync(path).size).toBeLessThan(200_000);
  }
  expect((await read())?.shards.length).toBe(50_020);
});

test('a store of before there were pieces is read and continued', async () => {
  let manifest: StreamManifest = EMPTY;
  for (let i = 0; i < 200; i += 1) manifest = next(manifest);
  const { confirmed: _, ...old } = manifest;
  await store.put(storePaths.streamManifest('d', extractionKey, 200), JSON.stringify(old));
  expect(await read()).toEqual({ ...old, confirmed: [] });
  const after = next({ ...old, confirmed: [] });
  await publishStreamManifest(store, after);
  expect(await read()).toEqual(after);
});

test('a piece that is damaged or missing is told by its path', async () => {
  let manifest: StreamManifest = EMPTY;
  for (let i = 0; i < 100; i += 1) manifest = next(manifest);
  await publishStreamManifest(store, manifest);
  const [piece] = segments();
  const text = (await store.get(piece!.slice(folder.length + 1))).toString();
  writeFileSync(piece!, text.replace('"rows":100', '"rows":101'));
  await expect(read()).rejects.toMatchObject({
    kind: 'input',
    where: expect.stringContaining('/segments/') as string,
  });
  rmSync(piece!);
  await expect(read()).rejects.toMatchObject({
    kind: 'input',
    where: expect.stringContaining('/segments/') as string,
  });
});

test('a manifest that does not continue what is stored is stored whole', async () => {
  let manifest: StreamManifest = EMPTY;
  for (let i = 0; i < 100; i += 1) manifest = next(manifest);
  await publishStreamManifest(store, manifest);
  const other: StreamManifest = { ...manifest, generation: 101, shards: manifest.shards.slice(50) };
  await publishStreamManifest(store, other);
  expect(await read()).toEqual(other);
});
