/** A version whose shards lie in parts, beside the same one whose manifest is one file. */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadManifest } from '../../../pipelines/shards/manifest/load-manifest.ts';
import { openPlan } from '../../../pipelines/shards/plan/plan-file.ts';
import { planRebuild } from '../../../pipelines/shards/plan/plan-rebuild.ts';
import { publishManifest } from '../../../pipelines/shards/publish-manifest.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { findGarbage } from '../../../pipelines/upkeep/find-garbage.ts';
import { findMigrations } from '../../../pipelines/upkeep/migrate-store.ts';
import { verifyStore } from '../../../pipelines/upkeep/verify-store.ts';
import type { ShardEntry } from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import { clipOf, indexOf, newFolder, smallExtraction } from './fixtures.ts';
import { killedAfter } from '../../support/killed-store.ts';

const CLIPS = 80;
const PARTS = { shardsInOne: 5, partBytes: 3_000 };
const folder = newFolder();
mkdirSync(join(folder, 'clips'));
const index = indexOf(
  Array.from({ length: CLIPS }, (_, i) => {
    const file = join(folder, 'clips', `${String(i)}.mp4`);
    writeFileSync(file, i % 20 === 7 ? '' : `clip ${String(i)}`);
    return clipOf(file, i, i % 5 === 0 ? 'test' : 'train');
  }),
);
let stores = 0;

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A dataset whose shards are there as far as anything but a reader of rows can tell. */
async function builtStore() {
  stores += 1;
  const store = openStore(`file:${join(folder, `store-${String(stores)}`)}`);
  const input = { store, name: 'test', index, extraction: smallExtraction(), extractorVersion: 'none/1' };
  const { version } = await planRebuild(input);
  for await (const { split, key, clips } of (await openPlan(store, 'test', version)).lines()) {
    const usable = clips.filter(({ problem }) => problem === undefined);
    const bytes = Buffer.from(`rows of ${key}`);
    const path = storePaths.shard('test', split, key);
    const sums = (n: number) => ({
      count: n,
      sum: usable.map(({ label }, i) => (label + i) / 3).slice(0, 1),
      sumOfSquares: [n * 1.7],
    });
    const entry: ShardEntry = {
      ...{ path, split, key, rows: usable.length, bytes: bytes.length },
      sha256: createHash('sha256').update(bytes).digest('hex'),
      classCounts: [0, 1].map((label) => usable.filter((clip) => clip.label === label).length),
      missingCounts: { audio: usable.length % 2 },
      sums: usable.length === 0 ? {} : { audio: sums(usable.length), rgb: sums(2 * usable.length) },
      quarantined: clips.flatMap(({ clipId, path: file, problem }) =>
        problem === undefined ? [] : [{ clipId, path: file, split, ...problem }],
      ),
    };
    if (entry.rows > 0) await store.put(path, bytes);
    await store.put(storePaths.shardEntry('test', split, key), `${JSON.stringify(entry)}\n`);
  }
  await store.put(storePaths.runDataset('a'), JSON.stringify({ name: 'test', version }));
  return { store, name: 'test', version };
}

async function partsOf(store: Store): Promise<string[]> {
  return (await store.list('datasets/test')).filter((path) => /\/shards-[0-9a-f]{64}\.jsonl$/u.test(path));
}

test('is read as the same manifest, and its parts are kept, checked and not migrated', async () => {
  const [one, many] = [await builtStore(), await builtStore()];
  const whole = await publishManifest(one);
  const parted = await publishManifest({ ...many, ...PARTS });
  expect(parted).toEqual(whole);
  expect(whole.quarantine).toHaveLength(4);
  expect(whole.splits.train.rows + whole.splits.test.rows).toBe(CLIPS - 4);
  expect(await partsOf(one.store)).toEqual([]);
  const parts = await partsOf(many.store);
  expect(parts.length).toBeGreaterThan(3);
  const head = await many.store.get(storePaths.manifest('test', many.version));
  expect(JSON.parse(head.toString())).toMatchObject({ formatVersion: 2, splits: whole.splits });
  expect(head.toString()).not.toContain('.arrow');

  expect(await verifyStore(many.store)).toMatchObject({ findings: [], unknown: [] });
  expect(await findMigrations(many.store)).toMatchObject({ migrations: [], left: [] });
  const before = new Date(Date.now() + 60_000);
  expect(await findGarbage(many.store, { before })).toEqual([]);
  // Nothing names the version any more.
  await many.store.delete(storePaths.runDataset('a'));
  const garbage = await findGarbage(many.store, { before });
  expect(garbage.map(({ path }) => path)).toEqual(expect.arrayContaining(parts));
});

test('of which a part is damaged or gone is refused, naming it, and mended by publishing again', async () => {
  const built = await builtStore();
  const manifest = await publishManifest({ ...built, ...PARTS });
  const { store } = built;
  const [first, second] = (await partsOf(store)) as [string, string];
  const bytes = Buffer.from(await store.get(first));
  bytes[100]! ^= 1;
  await store.put(first, bytes);
  const load = async () => await loadManifest(store, 'test', built.version);
  await expect(load()).rejects.toMatchObject({ kind: 'input', where: `${store.uri}/${first}` });
  const missing = storePaths.quarantine('test', built.version);
  const list = await store.get(missing);
  await store.delete(missing);
  const { findings } = await verifyStore(store);
  expect(findings.map(({ path, state, mend }) => [path, state, mend])).toEqual([
    [first, 'damaged', 'rebuild'],
    [missing, 'missing', 'rebuild'],
  ]);
  // What its shards are is not known: none of them is garbage.
  const before = new Date(Date.now() + 60_000);
  await expect(findGarbage(store, { before })).rejects.toMatchObject({ where: `${store.uri}/${first}` });
  await store.put(missing, list);
  expect(await publishManifest({ ...built, ...PARTS })).toEqual(manifest);
  await store.delete(second);
  await expect(load()).rejects.toMatchObject({ kind: 'input', where: `${store.uri}/${second}` });
  expect(await publishManifest({ ...built, ...PARTS })).toEqual(manifest);
  expect((await verifyStore(store)).findings).toEqual([]);
});

test('killed at any write is not there, and then is the same', async () => {
  const built = await builtStore();
  await built.store.delete(storePaths.runDataset('a'));
  const path = storePaths.manifest('test', built.version);
  for (let writes = 0; ; writes += 1) {
    const store = killedAfter(built.store, writes, ['put']);
    const ended = await publishManifest({ ...built, store, ...PARTS }).then(
      () => true,
      () => false,
    );
    expect(await built.store.exists(path)).toBe(ended);
    if (ended) break;
    expect((await verifyStore(built.store)).findings).toEqual([]);
    expect(writes).toBeLessThan(50);
  }
  const again = await builtStore();
  await publishManifest({ ...again, ...PARTS });
  const of = async (store: Store) => (await store.get(path)).toString();
  expect(await of(built.store)).toBe(await of(again.store));
});
