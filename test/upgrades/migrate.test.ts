/** `modalmix migrate` on a store that an earlier release left. */
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrationsText } from '../../cli/text/upkeep-text.ts';
import { parseManifest } from '../../pipelines/shards/manifest/manifest-text.ts';
import { openPlan, type PlanLine } from '../../pipelines/shards/plan/plan-file.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { kindOf } from '../../pipelines/upkeep/file-kinds.ts';
import { findMigrations, migrateStore } from '../../pipelines/upkeep/migrate-store.ts';
import { verifyStore } from '../../pipelines/upkeep/verify-store.ts';
import { storePaths } from '../../schemas/names.ts';
import { NEWEST, copyOfKept, openKept, type KeptStore } from './kept-store.ts';
import { killedAfter } from '../support/killed-store.ts';

let kept: KeptStore;
beforeAll(async () => {
  kept = await openKept('2026-11-24');
});
afterAll(async () => {
  await rm(kept.folder, { recursive: true, force: true });
});

async function contents(store: Store): Promise<Map<string, string>> {
  const paths = await store.list('');
  return new Map(
    await Promise.all(paths.map(async (path) => [path, (await store.get(path)).toString('latin1')] as const)),
  );
}

async function planOf(store: Store, version: string) {
  const plan = await openPlan(store, 'tiny', version);
  const all: PlanLine[] = [];
  for await (const line of plan.lines()) all.push(line);
  return { header: plan.header, all };
}

it('says what is of an earlier form and writes nothing, until it is asked to', async () => {
  const store = await copyOfKept(kept);
  const before = await contents(store);
  const { migrations, left } = await findMigrations(store);
  expect(await contents(store)).toEqual(before);
  expect(left).toEqual([]);
  const found = migrations.map(({ path, what }) => `${path.replace(/[0-9a-f]{12,16}/gu, '#')}: ${what}`);
  expect(found).toEqual([
    'datasets/tiny/#/manifest.json: not signed',
    'datasets/tiny/plans/#.jsonl: version 1, of one file',
    'datasets/tiny/stream/#/manifests/#.json: version 1',
    'datasets/tiny/stream/#/manifests/#.json: version 1',
    'datasets/tiny/stream/#/manifests/#.json: version 1',
    expect.stringMatching(/^runs\/tiny-b-mm-s0-#\/config\.json: .*training\.balance\.rule/u),
    expect.stringMatching(/^runs\/tiny-b-mm-s7-#\/config\.json: .*training\.balance\.rule/u),
    expect.stringMatching(/^runs\/tiny-joint-s0-#\/config\.json: /u),
    expect.stringMatching(/^runs\/tiny-old\/config\.json: .*extraction\./u),
  ]);
});

it('writes it as it is written now, with the same meaning, once', async () => {
  const [store, untouched] = [await copyOfKept(kept), await copyOfKept(kept)];
  await migrateStore(store);
  expect(await findMigrations(store)).toMatchObject({ migrations: [], left: [] });
  expect(await verifyStore(store)).toMatchObject({ findings: [], unknown: [] });
  const paths = await untouched.list('datasets');
  const path = paths.find((one) => one.endsWith('/manifest.json'))!;
  const manifest = parseManifest(await store.get(path), path);
  expect(manifest).toEqual(parseManifest(await untouched.get(path), path));
  expect(await planOf(store, manifest.version)).toEqual(await planOf(untouched, manifest.version));
  expect(await store.list('datasets/tiny/plans')).not.toContain(
    `datasets/tiny/plans/${manifest.version}.jsonl`,
  );
  const training = (await store.list('runs')).find((one) => /-b-mm-s7-.*config\.json$/u.test(one))!;
  expect(JSON.parse((await store.get(training)).toString())).toMatchObject({
    training: { balance: { rule: 'strong-less', gamma: 0.1, labels: 'mean' } },
  });
  const run = JSON.parse((await store.get('runs/tiny-old/config.json')).toString()) as object;
  expect(run).toMatchObject({
    extraction: { video: { sampling: 'start' }, flow: { neighbours: 'sampled' } },
  });
});

it('ends the same wherever it was killed', async () => {
  const whole = await copyOfKept(kept);
  await migrateStore(whole);
  const expected = await contents(whole);
  for (let writes = 0; ; writes += 1) {
    const store = await copyOfKept(kept);
    const killed = killedAfter(store, writes, ['put', 'putFile', 'delete']);
    const ended = await migrateStore(killed).then(
      () => true,
      () => false,
    );
    if (ended) break;
    expect((await verifyStore(store)).findings, `after ${String(writes)} writes`).toEqual([]);
    await migrateStore(store);
    expect(await contents(store), `after ${String(writes)} writes`).toEqual(expected);
    expect(writes).toBeLessThan(50);
  }
});

it('has nothing to do where it was done, and says so in one sentence', async () => {
  const { store, folder, expected } = await openKept(NEWEST);
  const { migrations, left } = await findMigrations(store);
  expect(left).toEqual([]);
  // Settings that came since: nothing of that store has another form.
  expect(new Set(migrations.map(({ path }) => kindOf(path)?.name))).toEqual(new Set(['config']));
  await migrateStore(store);
  const config = JSON.parse((await store.get(storePaths.runConfig(expected.runId))).toString()) as object;
  expect(config).toMatchObject({ stream: { retrain: { gate: { minGain: -1, margin: 1, level: 0.5 } } } });
  const found = await findMigrations(store);
  expect(found).toMatchObject({ migrations: [], left: [] });
  expect(migrationsText(found, store.uri, false)).toMatch(/^Nothing to migrate: all of \d+ files are .*$/u);
  await rm(folder, { recursive: true, force: true });
});
