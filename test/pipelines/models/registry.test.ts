import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  listModels,
  listMoves,
  listVersions,
  moveCurrent,
  readCurrent,
  registerVersion,
  rollback,
} from '../../../pipelines/models/registry.ts';
import { listWindows } from '../../../pipelines/models/windows.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { storePaths } from '../../../schemas/names.ts';
import { currentModelSchema, type ModelMove } from '../../../schemas/retrain.ts';
import { newFolder } from '../shards/fixtures.ts';
import { newVersion, windowOf } from './made-up-history.ts';

const MODEL = 'emotions';
const NOW = new Date('2026-05-01T10:00:00Z');
let store: Store;
beforeEach(() => {
  store = openStore(`file:${join(newFolder(), 'store')}`);
});

async function register(...trainingIds: string[]): Promise<void> {
  for (const trainingId of trainingIds) await registerVersion(store, newVersion(MODEL, trainingId), NOW);
}

async function move(to: number, by: ModelMove['by'] = 'gate'): Promise<ModelMove> {
  return await moveCurrent(store, { model: MODEL, to, by, reason: 'as the test says', now: NOW });
}

async function currentFile() {
  return currentModelSchema.parse(JSON.parse((await store.get(storePaths.currentModel(MODEL))).toString()));
}

const path = async () => (await listMoves(store, MODEL)).map(({ from, to }) => [from, to]);
const undo = async () => (await rollback(store, { model: MODEL, reason: 'worse', now: NOW })).to;

describe('versions of a model', () => {
  it('are numbered from 1, and a training is registered once', async () => {
    const first = await registerVersion(store, newVersion(MODEL, 'a'), NOW);
    const second = await registerVersion(store, newVersion(MODEL, 'b', { parent: 1 }), NOW);
    const again = await registerVersion(store, newVersion(MODEL, 'a', { parent: 7 }), new Date());
    expect([first.version, second.version]).toEqual([1, 2]);
    expect(again).toEqual(first);
    expect(await listVersions(store, MODEL)).toEqual([first, second]);
    expect(await listModels(store)).toEqual([MODEL]);
  });

  it('registered by many at once get a number each, without gaps', async () => {
    const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'a', 'b', 'c'];
    const made = await Promise.all(
      ids.map(async (id) => await registerVersion(store, newVersion(MODEL, id), NOW)),
    );
    expect((await listVersions(store, MODEL)).map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6]);
    for (const [i, { trainingId, version }] of made.entries()) {
      expect(trainingId).toBe(ids[i]);
      expect(version).toBe(made[ids.indexOf(trainingId)]?.version);
    }
  });

  it('are listed by number, not by name', async () => {
    await register(...Array.from({ length: 11 }, (_, i) => `training-${String(i)}`));
    expect((await listVersions(store, MODEL)).map(({ version }) => version)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    ]);
  });

  it('that are damaged are named', async () => {
    await register('a');
    await store.put(storePaths.modelVersion(MODEL, 1), '{"version": "one"}');
    await expect(listVersions(store, MODEL)).rejects.toMatchObject({
      kind: 'input',
      where: `${store.uri}/models/emotions/versions/1.json`,
    });
  });
});

describe('the current version', () => {
  it('is none at first, then the one moved to last, in the log and in current.json', async () => {
    await register('a', 'b');
    expect(await readCurrent(store, MODEL)).toBeUndefined();
    await move(1, 'first');
    await move(2);
    const current = await readCurrent(store, MODEL);
    expect(current?.version.trainingId).toBe('b');
    expect(current?.move).toMatchObject({ number: 2, from: 1, to: 2, by: 'gate' });
    expect(await currentFile()).toEqual({
      formatVersion: 1,
      model: MODEL,
      version: 2,
      trainingId: 'b',
      weights: 'runs/b/model.safetensors',
      move: 2,
      movedAt: NOW.toISOString(),
    });
  });

  it('is moved by many at once, each from where the one before left it', async () => {
    await register('a', 'b', 'c', 'd');
    await move(1, 'first');
    await Promise.all([4, 2, 3].map(async (to) => await move(to)));
    const moves = await listMoves(store, MODEL);
    expect(moves.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    for (const [i, { from }] of moves.entries()) expect(from).toBe(moves[i - 1]?.to);
    expect(new Set(moves.map(({ to }) => to))).toEqual(new Set([1, 2, 3, 4]));
    expect((await currentFile()).version).toBe(moves.at(-1)?.to);
  });

  it('is moved to a version by the gate once, even when somebody moved on since', async () => {
    await register('a', 'b');
    await move(1, 'first');
    const gated = await move(2);
    expect(await move(2)).toEqual(gated);
    await undo();
    expect(await move(2)).toEqual(gated);
    expect((await readCurrent(store, MODEL))?.version.version).toBe(1);
    expect((await currentFile()).version).toBe(1);
    await move(2, 'promote');
    expect(await path()).toEqual([
      [undefined, 1],
      [1, 2],
      [2, 1],
      [1, 2],
    ]);
  });

  it('is not moved to itself', async () => {
    await register('a');
    const first = await move(1, 'first');
    expect(await move(1, 'promote')).toEqual(first);
    expect(await path()).toEqual([[undefined, 1]]);
  });

  it('is never a version that is not there', async () => {
    await register('a', 'b');
    await expect(move(5)).rejects.toMatchObject({ kind: 'config', fix: 'There are 1, 2.' });
    expect(await listMoves(store, MODEL)).toEqual([]);
    const other = moveCurrent(store, { model: 'emotion', to: 1, by: 'promote', reason: '', now: NOW });
    await expect(other).rejects.toMatchObject({ kind: 'config', fix: 'Models: emotions.' });
  });

  it('comes from the log when current.json was not written any more, which is mended', async () => {
    await register('a', 'b');
    await move(1, 'first');
    const stale = await store.get(storePaths.currentModel(MODEL));
    await move(2);
    await store.put(storePaths.currentModel(MODEL), stale);
    expect((await readCurrent(store, MODEL))?.version.version).toBe(2);
    expect((await currentFile()).version).toBe(2);
    await store.delete(storePaths.currentModel(MODEL));
    await readCurrent(store, MODEL);
    expect((await currentFile()).move).toBe(2);
  });
});

describe('a rollback', () => {
  it('undoes one move after the other, until none is left', async () => {
    await register('a', 'b', 'c', 'd');
    await move(1, 'first');
    await move(2);
    await move(3);
    expect(await undo()).toBe(2);
    await move(4, 'promote');
    expect(await undo()).toBe(2);
    expect(await undo()).toBe(1);
    await expect(undo()).rejects.toMatchObject({ kind: 'config', message: /no version to go back to/u });
    expect((await readCurrent(store, MODEL))?.move).toMatchObject({
      from: 2,
      to: 1,
      by: 'rollback',
      reason: 'worse',
    });
  });

  it('of a model that was never current is refused', async () => {
    await expect(undo()).rejects.toMatchObject({ kind: 'config' });
  });
});

describe('the windows of a model', () => {
  it('are listed by number, without the copies of the stream manifest beside them', async () => {
    for (const number of [10, 2]) {
      const window = windowOf(MODEL, number);
      await store.create(storePaths.retrainWindow(MODEL, number), JSON.stringify(window));
      await store.put(window.manifest, '{}');
    }
    expect(await listWindows(store, MODEL)).toEqual([windowOf(MODEL, 2), windowOf(MODEL, 10)]);
  });
});
