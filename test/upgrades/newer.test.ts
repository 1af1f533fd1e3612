/** What a newer release wrote is refused in one sentence, and nothing of it is touched. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readStateFile } from '../../infra/state-file.ts';
import { findRunDataset, loadManifest } from '../../pipelines/shards/manifest/load-manifest.ts';
import { openPlan } from '../../pipelines/shards/plan/plan-file.ts';
import { ShardFile } from '../../pipelines/shards/read/shard-file.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { newestCheckpoint } from '../../pipelines/training/checkpoints/read-checkpoint.ts';
import { readWeights } from '../../pipelines/training/weights/load-model.ts';
import { kindOf } from '../../pipelines/upkeep/file-kinds.ts';
import { findGarbage } from '../../pipelines/upkeep/find-garbage.ts';
import { findMigrations, migrateStore } from '../../pipelines/upkeep/migrate-store.ts';
import { repairStore } from '../../pipelines/upkeep/repair-store.ts';
import { verifyStore } from '../../pipelines/upkeep/verify-store.ts';
import { describeError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import { NewerVersionError, VERSIONS, kindOfSchema } from '../../schemas/versions.ts';
import { NEWEST, openKept, type KeptStore } from './kept-store.ts';

const LATER = 99;
const HINTS = new Set(['cache', 'hint']);
let kept: KeptStore;
let store: Store;
let dataset: { readonly name: string; readonly version: string };
let trainingId: string;
beforeAll(async () => {
  // Of all tests here: each one damages other files, and puts them back.
  kept = await openKept(NEWEST);
  store = kept.store;
  dataset = (await findRunDataset(store, kept.expected.runId))!;
  const evaluated = (await store.list('runs')).find((path) => /-b-mm-s0-.*\/checkpoints\/step/u.test(path))!;
  trainingId = evaluated.split('/')[1]!;
  before = await contents();
});
afterAll(async () => {
  await rm(kept.folder, { recursive: true, force: true });
});

let before: Map<string, Buffer>;
beforeEach(async () => {
  for (const [path, bytes] of before) await store.put(path, bytes);
});

async function contents(): Promise<Map<string, Buffer>> {
  const paths = await store.list('');
  return new Map(await Promise.all(paths.map(async (path) => [path, await store.get(path)] as const)));
}

/** In text and in lines of text. */
function later(text: string): string {
  const lines = text.split('\n');
  const isOfLines = lines.length > 2 && lines[0]!.startsWith('{"');
  const change = (json: string) => {
    const content = JSON.parse(json) as unknown;
    return Array.isArray(content) ? json : JSON.stringify({ ...(content as object), formatVersion: LATER });
  };
  return isOfLines ? lines.map((line) => (line === '' ? line : change(line))).join('\n') : change(text);
}

async function refused(reading: Promise<unknown>): Promise<string> {
  const error: unknown = await reading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(NewerVersionError);
  const told = describeError(error);
  expect(told).toMatch(
    /: it was written by a newer Modalmix: .*\n {2}→ Update this Modalmix, or use another store\.$/u,
  );
  return told;
}

it('every kind of file of JSON has its version in one table, and its schema knows it', () => {
  for (const path of before.keys()) {
    const kind = kindOf(path);
    expect(kind, path).toBeDefined();
    expect(VERSIONS[kind!.name], path).toBeGreaterThan(0);
    if (kind!.schema === undefined || HINTS.has(kind!.name)) continue;
    expect(kindOfSchema(kind!.schema), path).toBe(kind!.name);
  }
});

it('files of JSON: verify says so, repair and migrate leave them, gc does nothing', async () => {
  const changed: string[] = [];
  for (const [path, bytes] of before) {
    const { schema, name } = kindOf(path)!;
    if (schema === undefined || HINTS.has(name) || name === 'rung' || bytes.length === 0) continue;
    await store.put(path, later(bytes.toString('utf8')));
    changed.push(path);
  }
  const names = new Set(changed.map((path) => kindOf(path)!.name));
  expect(names.size).toBeGreaterThan(20);
  const { findings } = await verifyStore(store);
  expect(findings.map(({ path }) => path)).toEqual(expect.arrayContaining(changed));
  for (const { path, state, mend, problem } of findings.filter((one) => changed.includes(one.path))) {
    expect([path, state, mend]).toEqual([path, 'newer', 'update']);
    expect(problem).toBe(
      `it was written by a newer Modalmix: it has version 99, and this one reads up to ${String(VERSIONS[kindOf(path)!.name])}`,
    );
  }
  const now = await contents();
  await repairStore(store, { say: () => undefined });
  expect((await findMigrations(store)).migrations).toEqual([]);
  await migrateStore(store);
  expect(await contents()).toEqual(now);
  await refusedByGc();
});

async function refusedByGc(): Promise<void> {
  await expect(findGarbage(store, { before: new Date(Date.now() + 3_600_000) })).rejects.toThrow(
    'a record cannot be read',
  );
}

describe('refuses in one sentence', () => {
  const change = async (path: string, from: string, to: string) => {
    const bytes = await store.get(path);
    const place = bytes.indexOf(from);
    expect(place).toBeGreaterThan(0);
    bytes.write(to, place);
    await store.put(path, bytes);
  };

  it('a manifest and a plan', async () => {
    for (const path of [
      storePaths.manifest(dataset.name, dataset.version),
      storePaths.plan(dataset.name, dataset.version),
    ])
      await store.put(path, later((await store.get(path)).toString('utf8')));
    await refused(loadManifest(store, dataset.name, dataset.version));
    const told = await refused(openPlan(store, dataset.name, dataset.version));
    expect(told).toContain('it has version 99, and this one reads up to 2');
  });

  it('a file with a field that is not known, and calls a lack or a wrong value damage', async () => {
    const path = storePaths.runDataset(kept.expected.runId);
    await store.put(path, JSON.stringify({ ...dataset, region: 'north' }));
    const told = await refused(findRunDataset(store, kept.expected.runId));
    expect(told).toContain('it has fields that this one does not know (region)');
    await store.put(path, JSON.stringify({ name: 'tiny', region: 'north' }));
    await expect(findRunDataset(store, kept.expected.runId)).rejects.toMatchObject({ kind: 'input' });
  });

  it('a checkpoint, and does not go on from an older one instead', async () => {
    const [path] = (await store.list(storePaths.checkpoints(trainingId))).filter((one) => /step-/u.test(one));
    const older = storePaths.checkpoint(trainingId, 1);
    await store.put(older, await store.get(path!));
    await change(path!, 'modalmix-checkpoint-1', 'modalmix-checkpoint-9');
    await refused(newestCheckpoint(store, trainingId));
    expect((await verifyStore(store)).findings).toMatchObject([{ path, state: 'newer' }]);
    await store.delete(older);
  });

  it('weights', async () => {
    const path = storePaths.model(trainingId);
    await change(path, 'modalmix-model-1', 'modalmix-model-9');
    const sha256 = createHash('sha256')
      .update(await store.get(path))
      .digest('hex');
    const result = JSON.parse((await store.get(storePaths.trainingResult(trainingId))).toString()) as {
      model: object;
    };
    const other = { ...result, model: { ...result.model, sha256 } };
    await store.put(storePaths.trainingResult(trainingId), JSON.stringify(other));
    await refused(readWeights(store, trainingId, 'last'));
  });

  it('a shard', async () => {
    const { shards } = await loadManifest(store, dataset.name, dataset.version);
    const { path } = shards[0]!;
    const bytes = await store.get(path);
    const key = 'modalmix.format_version';
    for (let place = bytes.indexOf(key); place !== -1; place = bytes.indexOf(key, place + 1)) {
      const value = bytes.lastIndexOf(Buffer.from([1, 0, 0, 0, 0x32]), place);
      expect(value).toBeGreaterThan(0);
      bytes[value + 4] = '9'.charCodeAt(0);
    }
    await store.put(path, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await refused(ShardFile.open(store, { ...shards[0]!, sha256 }, ['audio']));
  });

  it("a file of the home's", () => {
    const folder = mkdtempSync(join(tmpdir(), 'modalmix-state-'));
    const file = join(folder, 'state.json');
    writeFileSync(file, JSON.stringify({ formatVersion: 2, pid: 1 }));
    expect(() => readStateFile(file, z.object({ pid: z.int() }))).toThrow(NewerVersionError);
    writeFileSync(file, JSON.stringify({ pid: 1 }));
    expect(readStateFile(file, z.object({ pid: z.int() }))).toEqual({ pid: 1 });
    rmSync(folder, { recursive: true });
  });
});
