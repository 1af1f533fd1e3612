import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { tableFromIPC } from 'apache-arrow';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeReport } from '../../../pipelines/evaluation/report/write-report.ts';
import { runEvaluation } from '../../../pipelines/evaluation/run-evaluation.ts';
import { decodeUmap } from '../../../pipelines/evaluation/umap-table.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { runTraining } from '../../../pipelines/training/run-training.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { ActivityProgress } from '../../../schemas/progress.ts';
import type { EvaluationResult, TrainingSpec } from '../../../schemas/training.ts';
import { drawnMarks, launchBrowser, openPage } from '../../../bench/harness/browser.ts';
import { publishTinyDataset, type TinyDataset } from './tiny-dataset.ts';

let folder: string;
let store: Store;
let dataset: TinyDataset;
let spec: TrainingSpec;
let result: EvaluationResult;
const progress: ActivityProgress[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-evaluation-'));
  store = openStore(`file:${join(folder, 'store')}`);
  dataset = await publishTinyDataset(store, join(folder, 'clips'));
  const [first] = trainingSpecs(dataset.config, dataset.manifest);
  if (first === undefined) throw new Error('nothing to train');
  spec = first;
  await runTraining({ storeUri: store.uri, spec });
  result = await runEvaluation({ storeUri: store.uri, spec, onProgress: (one) => progress.push(one) });
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

type Row = Record<string, unknown>;

async function rowsOf(path: string): Promise<Row[]> {
  return tableFromIPC(await store.get(path))
    .toArray()
    .map((row: { toJSON(): Row }) => row.toJSON());
}

describe('the evaluation of a trained model', () => {
  it('scores the fused model on every test clip and a branch on those that have its modality', () => {
    expect(result.fused.samples).toBe(8);
    expect(result.branches.audio?.samples).toBe(7);
    expect(result.branches.rgb?.samples).toBe(8);
    expect(result.dropped.audio?.samples).toBe(8);
    expect(result.noised.map(({ modality, level }) => `${modality} ${String(level)}`)).toEqual([
      'audio 1',
      'audio 4',
      'rgb 1',
      'rgb 4',
    ]);
    expect(result.confusion.flat().reduce((sum, count) => sum + count, 0)).toBe(8);
    expect(result.epoch).toBe(2);
  });

  it('says by class and by group what is right, and what the features carry', () => {
    expect(result.perClass?.map(({ clips }) => clips)).toEqual([4, 4]);
    expect(result.perClass?.map(({ recall }) => recall)).toEqual(
      result.confusion.map((row, k) => row[k]! / 4),
    );
    const { clips, right, grouped } = result.groups!;
    const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
    expect(sum(clips)).toBe(8);
    expect(sum(right)).toBe(Math.round(8 * result.fused.accuracy));
    expect(grouped).toBeLessThanOrEqual(8);
    expect(result.probes?.audio).toMatchObject({ samples: 7, chosenOn: 'nothing' });
    // Red and blue: any features tell them apart.
    expect(result.probes?.rgb).toMatchObject({ samples: 8, accuracy: 1 });
    // There is no validation split to fit it on.
    expect(result.temperature).toBeUndefined();
  });

  it('leaves the features of both splits, in which the accuracy can be checked', async () => {
    const test = await rowsOf(result.features.test);
    const train = await rowsOf(result.features.train);
    expect(train).toHaveLength(12);
    expect(test).toHaveLength(8);
    const right = test.filter((row) => row['label'] === row['predicted']).length;
    expect(right / 8).toBeCloseTo(result.fused.accuracy, 12);
    const silent = test.filter((row) => row['z_audio'] === null);
    expect(silent).toHaveLength(1);
    expect(String(silent[0]?.['clip_id'])).toContain('low/0');
    const fused = [...(test[0]?.['z_fused'] as Iterable<number>)];
    expect(fused.length).toBe(64);
    expect(fused.every(Number.isFinite)).toBe(true);
  });

  it('lays out every space for the clips that are in it', async () => {
    const points = decodeUmap(await store.get(result.umap), result.umap);
    const count = (space: string, split: string) =>
      points.filter((point) => point.space === space && point.split === split).length;
    expect([count('audio', 'train'), count('audio', 'test')]).toEqual([12, 7]);
    expect([count('rgb', 'train'), count('rgb', 'test')]).toEqual([12, 8]);
    expect([count('fused', 'train'), count('fused', 'test')]).toEqual([12, 8]);
    expect(points.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))).toBe(true);
  });

  it('shows the middle frame of each clip it got wrong', async () => {
    expect(result.misclassified.length).toBeGreaterThan(0);
    expect(result.misclassified).toHaveLength(Math.round(8 * (1 - result.fused.accuracy)));
    for (const { label, predicted, frame } of result.misclassified) {
      expect(predicted).not.toBe(label);
      const jpeg = Buffer.from(frame?.replace('data:image/jpeg;base64,', '') ?? '', 'base64');
      const { channels } = await sharp(jpeg).stats();
      const [red, , blue] = channels.map(({ mean }) => mean);
      expect((red ?? 0) > (blue ?? 0)).toBe(result.classNames[label] === 'low');
    }
  });

  it('tells how far it is, up to the end', () => {
    expect(progress.at(-1)?.done).toBe(progress.at(-1)?.total);
    expect(progress.map(({ done }) => done)).toEqual(progress.map(({ done }) => done).sort((a, b) => a - b));
  });

  it('is not done twice, and done anew gives the same bytes', async () => {
    const again: ActivityProgress[] = [];
    expect(await runEvaluation({ storeUri: store.uri, spec, onProgress: (one) => again.push(one) })).toEqual(
      result,
    );
    expect(again).toEqual([]);

    const paths = [storePaths.evaluation(spec.trainingId), result.umap, ...Object.values(result.features)];
    const before = await Promise.all(paths.map(async (path) => await store.get(path)));
    for (const path of paths) await store.delete(path);
    await runEvaluation({ storeUri: store.uri, spec });
    for (const [i, path] of paths.entries())
      expect((await store.get(path)).equals(before[i] ?? Buffer.of()), path).toBe(true);
  });

  it('stops when asked, and leaves no result behind', async () => {
    const path = storePaths.evaluation(spec.trainingId);
    const whole = await store.get(path);
    await store.delete(path);
    const stop = new AbortController();
    const stopped = runEvaluation({
      storeUri: store.uri,
      spec,
      signal: stop.signal,
      onProgress: () => {
        stop.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ kind: 'cancelled' });
    expect(await store.exists(path)).toBe(false);
    expect(await store.list('.tmp')).toEqual([]);
    await store.put(path, whole);
  });

  it('says what is missing when the training is not complete', async () => {
    const untrained = { ...spec, trainingId: 'tiny-never-trained' };
    await expect(runEvaluation({ storeUri: store.uri, spec: untrained })).rejects.toMatchObject({
      kind: 'input',
    });
  });

  it('becomes a report that a browser shows without complaint', async () => {
    const { reportPath, summary } = await writeReport({
      store,
      runId: 'tiny',
      title: 'Tiny',
      config: dataset.config,
      manifest: dataset.manifest,
      trainings: [spec],
      provenance: {
        codeVersion: 'test',
        engine: 'TensorFlow',
        machine: 'here',
        command: 'modalmix run tiny.yaml',
      },
    });
    expect(summary.rows[0]?.accuracy.mean).toBe(result.fused.accuracy);
    const browser = await launchBrowser();
    try {
      const file = pathToFileURL(join(folder, 'store', reportPath));
      const { page, complaints, requests } = await openPage(browser, file, { width: 1280, height: 900 });
      for (const [chart, marks] of Object.entries(await drawnMarks(page)))
        expect(marks, chart).toBeGreaterThan(5);
      expect(await page.locator('.example img').count()).toBe(result.misclassified.length);
      expect(complaints).toEqual([]);
      expect(requests).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
