/** A dataset's source hashes in several files, and in the one of earlier releases. */
import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openPlan } from '../../../../pipelines/shards/plan/plan-file.ts';
import { planRebuild } from '../../../../pipelines/shards/plan/plan-rebuild.ts';
import { SourceHashes } from '../../../../pipelines/shards/plan/source-hashes.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import { verifyStore } from '../../../../pipelines/upkeep/verify-store.ts';
import { storePaths } from '../../../../schemas/names.ts';
import { clipOf, indexOf, newFolder, smallExtraction } from '../fixtures.ts';
import { killedAfter } from '../../../support/killed-store.ts';

const CLIPS = 60;
const folder = newFolder();
const files = Array.from({ length: CLIPS }, (_, i) => join(folder, 'clips', `${String(i)}.mp4`));
mkdirSync(join(folder, 'clips'));
for (const [i, file] of files.entries()) write(file, `clip ${String(i).padStart(3, '0')}`);
const index = indexOf(files.map((file, i) => clipOf(file, i, i % 5 === 0 ? 'test' : 'train')));
let stores = 0;

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function newStore(): Store {
  stores += 1;
  return openStore(`file:${join(folder, `store-${String(stores)}`)}`);
}

async function plan(store: Store, clipsPerPart?: number) {
  const hashes = await SourceHashes.open(store, 'test', clipsPerPart === undefined ? {} : { clipsPerPart });
  const input = { store, name: 'test', index, extraction: smallExtraction(), extractorVersion: 'none/1' };
  return await planRebuild({ ...input, hashes });
}

async function content(store: Store, version: string): Promise<string> {
  const lines: unknown[] = [];
  for await (const line of (await openPlan(store, 'test', version)).lines()) lines.push(line);
  return JSON.stringify(lines);
}

/** One size and time for all: another content is not told by them. */
function write(file: string, text: string): void {
  writeFileSync(file, text);
  utimesSync(file, 1_700_000_000, 1_700_000_000);
}

async function hashed(store: Store): Promise<string[]> {
  return (await store.list('datasets/test')).filter((path) => path.includes('source-hashes'));
}

test('in many files as in one: the same plan, remembered, and more files as there are more clips', async () => {
  const [one, many] = [newStore(), newStore()];
  const whole = await plan(one);
  const parted = await plan(many, 2);
  expect(parted).toEqual(whole);
  expect(await content(many, parted.version)).toBe(await content(one, whole.version));
  expect(await hashed(one)).toEqual([storePaths.sourceHashes('test', '')]);
  expect((await hashed(many)).length).toBeGreaterThan(30);
  expect((await verifyStore(many)).unknown).toEqual([]);

  write(files[0]!, 'CLIP 000');
  expect(await plan(many)).toEqual(whole);
  expect(await plan(one, 2)).toEqual(whole);
  expect(await hashed(one)).toEqual(await hashed(many));
  expect(await plan(one)).toEqual(whole);
  expect((await plan(newStore())).version).not.toBe(whole.version);
});

test('the file of an earlier release is taken over, wherever that was killed', async () => {
  const marked = Object.fromEntries(
    files.map((file, i) => {
      const { size, mtimeMs } = statSync(file);
      return [file, [size, mtimeMs, i.toString(16).padStart(64, '0')]];
    }),
  );
  const extra = join(folder, 'of another list.mp4');
  const old = JSON.stringify({ ...marked, [extra]: [1, 2, 'f'.repeat(64)] });
  for (let writes = 0; ; writes += 20) {
    const store = newStore();
    await store.put(storePaths.sourceHashesFormat1('test'), old);
    const killed = killedAfter(store, writes, ['put', 'delete']);
    const ended = await plan(killed, 2).then(
      () => true,
      () => false,
    );
    const { version } = await plan(store, 2);
    expect(await content(store, version)).toContain(`"sourceSha256":"${'3b'.padStart(64, '0')}"`);
    const paths = await hashed(store);
    expect(paths).not.toContain(storePaths.sourceHashesFormat1('test'));
    const texts = await Promise.all(paths.map(async (path) => (await store.get(path)).toString()));
    const lines = texts.flatMap((text) => text.trim().split('\n').slice(0, -1));
    expect(lines).toHaveLength(CLIPS + 1);
    expect(lines).toContain(JSON.stringify([extra, 1, 2, 'f'.repeat(64)]));
    if (ended) break;
    expect(writes).toBeLessThan(400);
  }
});

test('one in which a bit has changed, or of which the end is lost, is made again from the files', async () => {
  const store = newStore();
  const whole = await plan(store);
  const path = storePaths.sourceHashes('test', '');
  const bytes = await store.get(path);
  // A digit of a hash: each line is one of ours all the same.
  const flipped = Buffer.from(bytes);
  flipped[bytes.indexOf('"]\n') - 1]! ^= 1;
  // In the order in which they were read.
  const remembered = (text: Buffer) => text.toString().trim().split('\n').slice(0, -1).sort();
  for (const damaged of [flipped, bytes.subarray(0, -20), bytes.subarray(0, bytes.length / 2)]) {
    await store.put(path, damaged);
    expect((await verifyStore(store)).findings).toMatchObject([{ path, state: 'damaged', mend: 'remake' }]);
    expect((await plan(store)).version).toBe(whole.version);
    expect(remembered(await store.get(path))).toEqual(remembered(bytes));
    expect((await verifyStore(store)).findings).toEqual([]);
  }
});
