/** Stores that earlier releases left are used by this one as if it had made them. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { indexDataset } from '../../pipelines/datasets/index-dataset.ts';
import { runEvaluation } from '../../pipelines/evaluation/run-evaluation.ts';
import { chooseModel } from '../../pipelines/models/choose-model.ts';
import { readTrainingSpec } from '../../pipelines/models/open-model.ts';
import { listMoves, listVersions, readCurrent } from '../../pipelines/models/registry.ts';
import { runPrediction } from '../../pipelines/prediction/run-prediction.ts';
import { findRunDataset, loadManifest } from '../../pipelines/shards/manifest/load-manifest.ts';
import { openPlan } from '../../pipelines/shards/plan/plan-file.ts';
import { planRebuild } from '../../pipelines/shards/plan/plan-rebuild.ts';
import { getStoredLines } from '../../pipelines/store/stored-json.ts';
import { findStreamManifest, publishStreamManifest } from '../../pipelines/streaming/sink/stream-manifest.ts';
import { trainModel } from '../../pipelines/training/train-model.ts';
import { trainingSpecs } from '../../pipelines/training/training-spec.ts';
import { collectGarbage, findGarbage } from '../../pipelines/upkeep/find-garbage.ts';
import { verifyStore } from '../../pipelines/upkeep/verify-store.ts';
import { storePaths } from '../../schemas/names.ts';
import type { ClipPrediction } from '../../schemas/prediction.ts';
import { epochMetricsSchema } from '../../schemas/training.ts';
import { NEWEST, copyOfKept, openKept, STORES, type KeptStore } from './kept-store.ts';

/** Other processors round otherwise. */
const TOLERANCE = 2e-3;
const TIMEOUT_MS = 600_000;

describe.each(STORES)('a store of %s', (name) => {
  let kept: KeptStore;
  beforeAll(async () => {
    kept = await openKept(name);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await rm(kept.folder, { recursive: true, force: true });
  });

  it('is whole', async () => {
    expect(await verifyStore(kept.store)).toMatchObject({ findings: [], unknown: [] });
  });

  it(
    'is built again only where clips, splits or extraction are others now',
    { timeout: TIMEOUT_MS },
    async () => {
      const store = await copyOfKept(kept);
      const { name: dataset, extraction } = kept.config;
      const index = await indexDataset(kept.config.dataset);
      const { version } = (await findRunDataset(store, kept.expected.runId))!;
      const { extractorVersion } = await loadManifest(store, dataset, version);
      const ask = { store, name: dataset, index, extraction };
      const again = await planRebuild({ ...ask, extractorVersion });
      if (name === NEWEST) expect(again).toMatchObject({ version, shardsToBuild: [] });
      else {
        // Since then validation clips are drawn class by class: one of 18 has another split, its rows are taken over.
        expect(again.shardsToBuild).toHaveLength(2);
        expect(again.clipsReused).toBeGreaterThan(0);
      }
      const other = await planRebuild({ ...ask, extractorVersion: 'another' });
      expect(other.version).not.toBe(version);
      expect(other.shardsToBuild).toHaveLength(other.shards);
    },
  );

  it('has its record of what the clips hold read, and carried over', { timeout: TIMEOUT_MS }, async () => {
    const store = await copyOfKept(kept);
    const { name: dataset, extraction } = kept.config;
    const old = storePaths.sourceHashesFormat1(dataset);
    const recorded = JSON.parse((await store.get(old)).toString()) as Record<
      string,
      [number, number, string]
    >;
    // The clips lie elsewhere today, and are younger. One is another of the same length, which only a reading would tell.
    const { root = '' } = kept.config.dataset;
    const moved = Object.entries(recorded).map(([path, [size, , sha256]]) => {
      const file = path.replace(`${kept.expected.folder}/clips`, root);
      expect(statSync(file).size).toBe(size);
      return { file, sha256 };
    });
    const { file: changed } = moved[0]!;
    const own = readFileSync(changed);
    writeFileSync(changed, Buffer.alloc(own.length));
    const today = moved.map(({ file, sha256 }) => {
      const { size, mtimeMs } = statSync(file);
      return [file, size, mtimeMs, sha256] as const;
    });
    await store.put(old, JSON.stringify(Object.fromEntries(today.map(([file, ...hash]) => [file, hash]))));
    const index = await indexDataset(kept.config.dataset);
    const plan = await planRebuild({ store, name: dataset, index, extraction, extractorVersion: 'another' });
    let planned = '';
    for await (const line of (await openPlan(store, dataset, plan.version)).lines())
      planned += JSON.stringify(line);
    expect(planned).toContain(moved[0]!.sha256);
    expect(await store.exists(old)).toBe(false);
    const lines = (await store.get(storePaths.sourceHashes(dataset, ''))).toString().trim().split('\n');
    expect(lines.slice(0, -1).sort()).toEqual(today.map((line) => JSON.stringify(line)).sort());
    writeFileSync(changed, own);
  });

  const ofNewest = name === NEWEST ? it : () => undefined;
  ofNewest('has the ids of trainings that its configs have today', async () => {
    const dataset = (await findRunDataset(kept.store, kept.expected.runId))!;
    const specs = trainingSpecs(kept.config, dataset);
    expect(specs.map(({ method }) => method)).toEqual(['joint', 'b-mm']);
    for (const spec of specs) {
      // Its result stands there: nothing of it is trained again.
      expect(await kept.store.exists(storePaths.trainingResult(spec.trainingId)), spec.trainingId).toBe(true);
      expect(await readTrainingSpec(kept.store, spec.trainingId)).toEqual(spec);
    }
  });

  it('has models that answer as they did', { timeout: TIMEOUT_MS }, async () => {
    const store = await copyOfKept(kept);
    const evaluated = (await store.list('runs')).find((path) =>
      /-b-mm-s0-.*\/evaluation\.json$/u.test(path),
    )!;
    const spec = await readTrainingSpec(store, evaluated.split('/')[1]!);
    const path = storePaths.features(spec.trainingId, 'test');
    const before = tableFromIPC(await store.get(path));
    await store.delete(storePaths.evaluation(spec.trainingId));
    await store.delete(path);
    await runEvaluation({ storeUri: store.uri, spec });
    const after = tableFromIPC(await store.get(path));
    const rows = (table: typeof before) =>
      Array.from({ length: table.numRows }, (_, row) => ({
        id: String(table.getChild('clip_id')?.get(row)),
        z: Array.from(table.getChild('z_fused')?.get(row) as Iterable<number>),
      }));
    expect(after.numRows).toBe(before.numRows);
    for (const [place, { id, z }] of rows(after).entries()) {
      const was = rows(before)[place]!;
      expect(id).toBe(was.id);
      for (const [i, value] of z.entries()) expect(Math.abs(value - was.z[i]!)).toBeLessThan(TOLERANCE);
    }
  });

  it(
    'has a training that goes on from its checkpoint to what it would have become',
    { timeout: TIMEOUT_MS },
    async () => {
      const store = await copyOfKept(kept);
      const { trainingId, steps, metrics } = kept.expected.left;
      const spec = await readTrainingSpec(store, trainingId);
      const done: number[] = [];
      const result = await trainModel({
        ...{ store, spec, stopRequested: () => false },
        report: ({ done: now }) => void done.push(now),
      });
      expect(Math.min(...done)).toBeGreaterThan(2);
      expect(result.steps).toBe(steps);
      const found = await getStoredLines(store, storePaths.metrics(trainingId), epochMetricsSchema);
      expect(found.map(({ epoch }) => epoch)).toEqual(metrics.map(({ epoch }) => epoch));
      for (const [i, { loss, lambda }] of found.entries()) {
        expect(Math.abs(loss - metrics[i]!.loss)).toBeLessThan(TOLERANCE);
        const was = (metrics[i] as { lambda?: Record<string, number> }).lambda ?? {};
        for (const [modality, ratio = Number.NaN] of Object.entries(lambda ?? {}))
          expect(Math.abs(ratio - was[modality]!), modality).toBeLessThan(TOLERANCE);
      }
      expect((await verifyStore(store)).findings).toEqual([]);
    },
  );

  it('has a stream and a model that go on', async () => {
    const store = await copyOfKept(kept);
    const { name: dataset } = kept.config;
    const [first] = (await store.list(`datasets/${dataset}/stream`)).filter((path) =>
      path.includes('/manifests/'),
    );
    const key = first!.split('/')[3]!;
    const manifest = (await findStreamManifest(store, dataset, key))!;
    expect(manifest.shards.reduce((sum, { entry }) => sum + entry.rows, 0)).toBe(6);
    await publishStreamManifest(store, { ...manifest, generation: manifest.generation + 1 });
    expect(await findStreamManifest(store, dataset, key)).toMatchObject({ shards: manifest.shards });
    const { model } = kept.expected;
    const versions = await listVersions(store, model);
    const current = await readCurrent(store, model);
    expect(current?.version.version).toBe((await listMoves(store, model)).at(-1)?.to);
    expect(versions.length).toBeGreaterThan(0);
  });

  it('keeps all that is needed when garbage is collected', async () => {
    const store = await copyOfKept(kept);
    const later = { before: new Date(Date.now() + 3_600_000) };
    await collectGarbage(store, await findGarbage(store, later), later);
    expect((await verifyStore(store)).findings).toEqual([]);
  });

  ofNewest('has a run that predicts as it did', { timeout: TIMEOUT_MS }, async () => {
    const { expected, folder, store } = kept;
    const known = expected.predicted.flatMap(({ path, fused }) =>
      path === undefined || fused === undefined
        ? []
        : [{ file: path.replace(expected.folder, folder), probabilities: fused.probabilities }],
    );
    expect(known).toHaveLength(6);
    const predictions: ClipPrediction[] = [];
    await runPrediction({
      storeUri: store.uri,
      chosen: await chooseModel(store, { run: expected.runId }),
      files: known.map(({ file }) => file),
      onFacts: () => undefined,
      onPrediction: (one) => predictions.push(one),
    });
    for (const { file, probabilities } of known) {
      const found = predictions.find((one) => 'fused' in one && one.path === file) as
        { fused: { probabilities: number[] } } | undefined;
      for (const [i, probability] of probabilities.entries())
        expect(Math.abs(found!.fused.probabilities[i]! - probability)).toBeLessThan(TOLERANCE);
    }
  });
});
