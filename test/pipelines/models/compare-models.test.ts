import { beforeAll, describe, expect, it } from 'vitest';
import { evaluateModel } from '../../../pipelines/evaluation/evaluate-model.ts';
import { runComparison } from '../../../pipelines/models/compare-models.ts';
import type { ComparedModels } from '../../../pipelines/models/judge-models.ts';
import { manifestText } from '../../../pipelines/shards/manifest/manifest-text.ts';
import { registerVersion } from '../../../pipelines/models/registry.ts';
import { openShards } from '../../../pipelines/shards/read/shard-reader.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { evaluationBatches, loadModel } from '../../../pipelines/training/weights/load-model.ts';
import { trainModel } from '../../../pipelines/training/train-model.ts';
import { fineTuneSpec } from '../../../pipelines/training/training-spec.ts';
import type { Split } from '../../../schemas/clip.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { ActivityProgress } from '../../../schemas/progress.ts';
import type { Scores, TrainingSpec } from '../../../schemas/training.ts';
import { publishTinyDataset, publishTinySnapshot, tinyConfig, tinySpec } from '../training/tiny-dataset.ts';
import { newVersion } from './made-up-history.ts';

const MODALITIES = ['audio', 'rgb'] as const;
let store: Store;
let base: DatasetManifest;
let snapshot: DatasetManifest;
let current: TrainingSpec;
let candidate: TrainingSpec;
let compared: ComparedModels;
const progress: ActivityProgress[] = [];

beforeAll(async () => {
  const dataset = await publishTinyDataset();
  ({ store, manifest: base } = dataset);
  ({ manifest: snapshot } = await publishTinySnapshot(dataset));
  current = tinySpec(dataset, 'b-mm', { epochs: 3 });
  const { model } = await train(current);
  candidate = fineTuneSpec(
    tinyConfig('b-mm', {}, { retrain: { fineTune: { epochs: 2 } } }),
    snapshot,
    await registerVersion(store, newVersion('tiny', current.trainingId, { weights: model }), new Date()),
  );
  await train(candidate);
  compared = await runComparison({
    storeUri: store.uri,
    dataset: snapshot,
    candidate,
    current,
    onProgress: (one) => progress.push(one),
  });
});

async function train(spec: TrainingSpec) {
  return await trainModel({ store, spec, report: () => undefined, stopRequested: () => false });
}

/** What the evaluation of a run says of the model on the test clips of a version of the dataset. */
async function evaluated(spec: TrainingSpec, manifest: DatasetManifest): Promise<Scores> {
  await store.put(storePaths.manifest(manifest.name, manifest.version), manifestText(manifest));
  await store.delete(storePaths.evaluation(spec.trainingId));
  const result = await evaluateModel({
    store,
    spec: { ...spec, dataset: { name: manifest.name, version: manifest.version } },
    report: () => undefined,
    stopRequested: () => false,
  });
  return result.fused;
}

/** The calibration to the last digits but those that hang on a process's number of threads. */
function expectSame(found: Scores | undefined, expected: Scores): void {
  const { expectedCalibrationError: calibration, ...rest } = found!;
  const { expectedCalibrationError, ...others } = expected;
  expect(rest).toEqual(others);
  expect(calibration).toBeCloseTo(expectedCalibrationError, 5);
}

const isNew = (path: string) => snapshot.snapshot!.newShards.includes(path);
/** The snapshot's clips of one side, normalised as the model's own dataset is. */
const seenBy = (own: DatasetManifest, version: string, keep: (path: string) => boolean): DatasetManifest => ({
  ...snapshot,
  version,
  shards: snapshot.shards.filter(({ split, path }) => split !== 'test' || keep(path)),
  normalisation: own.normalisation,
});

describe('a comparison of two models', () => {
  it('has the scores that an evaluation of each gives, by its own normalisation', async () => {
    const { heldOut, newData } = compared.comparison;
    expect([heldOut.candidate.samples, newData?.candidate.samples]).toEqual([9, 3]);
    expectSame(heldOut.candidate, await evaluated(candidate, snapshot));
    expectSame(
      heldOut.current,
      await evaluated(
        current,
        seenBy(base, 'as-trained', () => true),
      ),
    );
    expectSame(newData?.candidate, await evaluated(candidate, seenBy(snapshot, 'new', isNew)));
    expectSame(newData?.current, await evaluated(current, seenBy(base, 'new-as-trained', isNew)));
    for (const judged of [heldOut, newData!]) {
      const [own, others] = [judged.candidate, judged.current!].map(({ accuracy, samples }) =>
        Math.round(accuracy * samples),
      );
      const alone = judged.alone!;
      expect(alone.candidate - alone.current).toBe(own! - others!);
      expect(alone.candidate + others!).toBeLessThanOrEqual(judged.candidate.samples);
    }
    // Were it judged by the snapshot's, the numbers would be others.
    const byAnother = await evaluated(current, snapshot);
    const [own, other] = [heldOut.current!, byAnother].map((one) => one.expectedCalibrationError);
    expect(Math.abs(own! - other!)).toBeGreaterThan(1e-3);
  });

  it('tells how far it is, up to the end: each model on the test clips, then the features', () => {
    // 9 test clips twice; train and test: 28 old clips, 9 new ones.
    expect(progress.at(-1)).toMatchObject({ done: 18 + 28 + 9, total: 18 + 28 + 9 });
  });

  it('is the same when it is done again', async () => {
    const again = await runComparison({ storeUri: store.uri, dataset: snapshot, candidate, current });
    expect(again).toEqual(compared);
  });

  it('without a current model has the candidate alone, whose features tell the drift', async () => {
    const alone = await runComparison({ storeUri: store.uri, dataset: snapshot, candidate });
    expect(alone.comparison.heldOut).toEqual({ candidate: compared.comparison.heldOut.candidate });
    expect(alone.comparison.newData).toEqual({ candidate: compared.comparison.newData?.candidate });
    expect(alone.drift.classCounts).toEqual(compared.drift.classCounts);
    expect(alone.drift.rho).not.toEqual(compared.drift.rho);
  });

  it('has nothing to say of new data when none of it is held out', async () => {
    const newShards = snapshot.snapshot!.newShards.filter((path) => path.includes('train-'));
    const unheld = { ...snapshot, version: 'unheld', snapshot: { ...snapshot.snapshot!, newShards } };
    await store.put(storePaths.manifest(unheld.name, unheld.version), JSON.stringify(unheld));
    const { comparison } = await runComparison({ storeUri: store.uri, dataset: unheld, candidate, current });
    expect(comparison).toEqual({ heldOut: compared.comparison.heldOut });
  });

  it('stops when asked', async () => {
    const stop = new AbortController();
    const stopped = runComparison({
      storeUri: store.uri,
      dataset: snapshot,
      candidate,
      current,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(stopped).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('is refused on a dataset that does not say what is new, or has other classes', async () => {
    const on = async (dataset: DatasetManifest) =>
      await runComparison({ storeUri: store.uri, dataset, candidate, current });
    await expect(on(base)).rejects.toMatchObject({ kind: 'input' });
    const renamed = { ...snapshot, version: 'renamed', classNames: ['even', 'uneven'] };
    await store.put(storePaths.manifest(renamed.name, renamed.version), JSON.stringify(renamed));
    await expect(on(renamed)).rejects.toMatchObject({
      kind: 'config',
      message: 'the model knows the classes even, odd; the clips to judge by have even, uneven',
    });
  });
});

describe('the drift of the new clips', () => {
  it('counts the classes of both sides over all splits', () => {
    // 32 old clips, even and odd in turn; the new ones are 100–104, 106 and 110–112.
    expect(compared.drift.classCounts).toEqual({ old: [16, 16], new: [6, 3] });
    expect(compared.drift.classDistance).toBeCloseTo((2 / 3 - 1 / 2 + (1 / 2 - 1 / 3)) / 2, 12);
  });

  it('shows that the new clips are louder by 1, and look as before', async () => {
    const audio = { old: [] as number[], new: [] as number[] };
    for (const split of ['train', 'validation', 'test'] as const) {
      const shards = await openShards({
        store,
        manifest: snapshot,
        split,
        modalities: ['audio'],
      });
      for (let row = 0; row < shards.rows; row += 1) {
        const side = Number(shards.clipIds[row]!.split('-')[1]) < 100 ? 'old' : 'new';
        for (const value of shards.read(row).audio!.data) audio[side].push(value);
      }
      shards.close();
    }
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const { inputs } = compared.drift;
    const [old, fresh] = [mean(audio.old), mean(audio.new)];
    const deviation = Math.sqrt(mean(audio.old.map((value) => (value - old) ** 2)));
    expect(inputs.audio?.old[0]).toBeCloseTo(old, 9);
    expect(inputs.audio?.new[0]).toBeCloseTo(fresh, 9);
    expect(inputs.audio?.shift).toBeCloseTo((fresh - old) / deviation, 9);
    expect(fresh - old).toBeCloseTo(1, 1);
    expect(inputs.rgb?.old).toHaveLength(3);
    expect(inputs.rgb?.shift).toBeLessThan(0.1);
  });

  it('is what the features of the current model say, clip by clip', async () => {
    const sideOf = () => ({
      vectors: { audio: [] as number[][], rgb: [] as number[][] },
      scores: { audio: 0, rgb: 0 },
    });
    const sides = { old: sideOf(), new: sideOf() };
    const model = await loadModel({ store, spec: current, manifest: base, weights: 'last' });
    for (const split of ['train', 'test'] satisfies Split[]) {
      const shards = await openShards({
        store,
        manifest: snapshot,
        split,
        modalities: [],
      });
      const input = { store, spec: current, manifest: snapshot, split, batchSize: 1, normalisedBy: base };
      for await (const batch of evaluationBatches(input)) {
        const { rows, labels, present } = batch;
        const answers = model.forward(batch);
        const side = sides[Number(shards.clipIds[rows[0]!]!.split('-')[1]) < 100 ? 'old' : 'new'];
        for (const modality of MODALITIES) {
          if (present[modality]![0] === 1) side.vectors[modality].push([...answers.features[modality]!]);
        }
        if (!MODALITIES.every((modality) => present[modality]![0] === 1)) continue;
        for (const modality of MODALITIES) {
          const [a, b] = answers.branchLogits[modality]!;
          side.scores[modality] += 1 / (1 + Math.exp(labels[0] === 0 ? b! - a! : a! - b!));
        }
      }
      shards.close();
    }
    model.dispose();
    for (const modality of MODALITIES) {
      const [old, fresh] = [sides.old.vectors[modality], sides.new.vectors[modality]];
      const meanOf = (vectors: number[][], d: number) =>
        vectors.reduce((sum, vector) => sum + vector[d]!, 0) / vectors.length;
      let [squared, variance] = [0, 0];
      for (let d = 0; d < model.featureSize; d += 1) {
        const mean = meanOf(old, d);
        squared += (meanOf(fresh, d) - mean) ** 2;
        variance += old.reduce((sum, vector) => sum + (vector[d]! - mean) ** 2, 0) / old.length;
      }
      expect(compared.drift.featureShift[modality]).toBeCloseTo(Math.sqrt(squared / variance), 4);
    }
    for (const name of ['old', 'new'] as const) {
      const { scores } = sides[name];
      expect(compared.drift.rho[name].audio).toBeCloseTo(scores.audio / scores.rgb, 4);
      expect(compared.drift.rho[name].rgb).toBeCloseTo(scores.rgb / scores.audio, 4);
    }
    expect(compared.drift.featureShift.audio).toBeGreaterThan(compared.drift.featureShift.rgb!);
  });
});
