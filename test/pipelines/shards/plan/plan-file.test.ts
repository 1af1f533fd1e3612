import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  openPlan,
  planExists,
  type PlanContent,
  type PlanLine,
} from '../../../../pipelines/shards/plan/plan-file.ts';
import { writePlan } from '../../../../pipelines/shards/plan/plan-writer.ts';
import { readShardList, writeShardList } from '../../../../pipelines/shards/plan/shard-list.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import { storePaths } from '../../../../schemas/names.ts';
import { indexOf, newFolder, smallExtraction } from '../fixtures.ts';

const folder = newFolder();
afterAll(() => {
  rmSync(folder, { recursive: true });
});
let stores = 0;
const newStore = () => openStore(`file:${join(folder, `store-${String(stores++)}`)}`);

const CONTENT: PlanContent = {
  name: 'test',
  version: '0123456789abcdef',
  classNames: ['even', 'odd'],
  extraction: smallExtraction(),
  extractorVersion: 'made up',
  featureKey: 'fedcba9876543210',
  index: indexOf([]).report,
};

/** Lines of different lengths, with letters of more than one byte. */
function makeLines(count: number): PlanLine[] {
  return Array.from({ length: count }, (_, i) => ({
    split: i % 3 === 0 ? 'test' : 'train',
    key: i.toString(16).padStart(32, '0'),
    clips: Array.from({ length: 1 + (i % 4) }, (_unused, j) => ({
      clipId: `clip-${String(i)}-${String(j)}`,
      path: `/clips/übung-${'x'.repeat(i % 17)}.mp4`,
      label: j % 2,
      sourceSha256: 'ab'.repeat(32),
      stamps: [[i, j]],
    })),
  }));
}

/** A store that counts the bytes that leave it. */
function counting(store: Store): { readonly store: Store; readonly read: () => number } {
  let bytes = 0;
  const counted = new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (!['get', 'find', 'range'].includes(String(name))) return member.bind(target) as unknown;
      return async (...args: unknown[]) => {
        const found = (await Reflect.apply(member, target, args)) as Buffer | undefined;
        bytes += found?.length ?? 0;
        return found;
      };
    },
  });
  return { store: counted, read: () => bytes };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('a plan', () => {
  test('is read back line by line and as a whole', async () => {
    const store = newStore();
    const lines = makeLines(50);
    await writePlan(store, CONTENT, lines);
    const plan = await openPlan(store, CONTENT.name, CONTENT.version);
    expect(plan.header).toEqual({ ...CONTENT, shards: 50 });
    for (const i of [0, 1, 25, 49]) expect(await plan.readLine(i)).toEqual(lines[i]);
    expect(await collect(plan.lines())).toEqual(lines);
    expect((await collect(plan.places())).map(({ split, key }) => ({ split, key }))).toEqual(
      lines.map(({ split, key }) => ({ split, key })),
    );
    await expect(plan.readLine(50)).rejects.toMatchObject({ kind: 'input' });
  });

  test('costs a worker its shard and a header, however many shards there are', async () => {
    const store = newStore();
    const lines = makeLines(20_000);
    await writePlan(store, CONTENT, lines);
    const { store: watched, read } = counting(store);
    const plan = await openPlan(watched, CONTENT.name, CONTENT.version);
    await plan.readLine(12_345);
    expect(read()).toBeLessThan(4_000);
  });

  test('that is written again while a worker reads it gives that worker the lines of its header', async () => {
    const store = newStore();
    const before = makeLines(20);
    await writePlan(store, CONTENT, before);
    const plan = await openPlan(store, CONTENT.name, CONTENT.version);
    await writePlan(store, CONTENT, makeLines(20).toReversed());
    expect(await plan.readLine(3)).toEqual(before[3]);
    const anew = await openPlan(store, CONTENT.name, CONTENT.version);
    expect(await anew.readLine(3)).toEqual(before[16]);
  });

  test('of format 1, of a rebuild that was begun before, can still be read', async () => {
    const store = newStore();
    const lines = makeLines(9);
    const texts = lines.map((line) => `${JSON.stringify(line)}\n`);
    const shards = lines.map(({ split, key, clips }, i) => ({
      ...{ split, key, clips: clips.length, bytes: Buffer.byteLength(texts[i]!) },
      offset: Buffer.byteLength(texts.slice(0, i).join('')),
    }));
    const header = JSON.stringify({ formatVersion: 1, ...CONTENT, shards });
    await store.put(storePaths.planFormat1(CONTENT.name, CONTENT.version), `${header}\n${texts.join('')}`);
    expect(await planExists(store, CONTENT.name, CONTENT.version)).toBe(true);
    const plan = await openPlan(store, CONTENT.name, CONTENT.version);
    expect(plan.header).toEqual({ ...CONTENT, shards: 9 });
    expect(await plan.readLine(8)).toEqual(lines[8]);
    expect(await collect(plan.lines())).toEqual(lines);
  });

  test('that is missing or torn is an error that names it', async () => {
    const store = newStore();
    await expect(openPlan(store, 'test', 'no-such')).rejects.toMatchObject({
      kind: 'input',
      where: expect.stringContaining('no-such') as string,
    });
    await store.put(storePaths.plan('test', 'torn'), '{"formatVersion":2');
    await expect(openPlan(store, 'test', 'torn')).rejects.toMatchObject({ kind: 'input' });
  });
});

test('a list of shards is paged through, and the same list is one file', async () => {
  const store = newStore();
  const indices = Array.from({ length: 2_500 }, (_, i) => 3 * i);
  const list = await writeShardList(store, 'test', 'v', indices);
  expect(await writeShardList(store, 'test', 'v', indices)).toBe(list);
  const place = { name: 'test', version: 'v', list };
  expect(await readShardList(store, place, 1_000, 3)).toEqual([3_000, 3_003, 3_006]);
  expect(await readShardList(store, place, 2_499, 1)).toEqual([7_497]);
});
