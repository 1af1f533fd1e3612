import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runEvaluation } from '../../../pipelines/evaluation/run-evaluation.ts';
import { chooseModel } from '../../../pipelines/models/choose-model.ts';
import { moveCurrent, registerVersion } from '../../../pipelines/models/registry.ts';
import { versionOf } from '../../../pipelines/models/open-model.ts';
import { runPrediction } from '../../../pipelines/prediction/run-prediction.ts';
import { openShards } from '../../../pipelines/shards/read/shard-reader.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { evaluationBatches, loadModel, readWeights } from '../../../pipelines/training/weights/load-model.ts';
import { runTraining } from '../../../pipelines/training/run-training.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import type { Modality } from '../../../schemas/modality.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { ChosenModel, ClipPrediction, PredictionFacts } from '../../../schemas/prediction.ts';
import type { EvaluationResult, TrainingSpec } from '../../../schemas/training.ts';
import { publishTinyDataset, type TinyDataset } from '../evaluation/tiny-dataset.ts';

const RUN = 'tiny-run';
let folder: string;
let store: Store;
let dataset: TinyDataset;
let spec: TrainingSpec;
let evaluation: EvaluationResult;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-prediction-'));
  store = openStore(`file:${join(folder, 'store')}`);
  dataset = await publishTinyDataset(store, join(folder, 'clips'));
  const { config, manifest } = dataset;
  spec = trainingSpecs(config, manifest)[0]!;
  await store.put(storePaths.runConfig(RUN), JSON.stringify(config));
  await store.put(
    storePaths.runDataset(RUN),
    JSON.stringify({ name: manifest.name, version: manifest.version }),
  );
  await runTraining({ storeUri: store.uri, spec });
  evaluation = await runEvaluation({ storeUri: store.uri, spec });
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Predicted {
  readonly facts: PredictionFacts;
  readonly predictions: readonly ClipPrediction[];
}

async function predict(chosen: ChosenModel, files: readonly string[]): Promise<Predicted> {
  let facts: PredictionFacts | undefined;
  const predictions: ClipPrediction[] = [];
  await runPrediction({
    storeUri: store.uri,
    chosen,
    files: [...files],
    onFacts: (told) => {
      facts = told;
    },
    onPrediction: (one) => predictions.push(one),
  });
  return { facts: facts!, predictions };
}

function answered(prediction: ClipPrediction | undefined): Exclude<ClipPrediction, { problem: unknown }> {
  if (prediction === undefined || 'problem' in prediction) throw new Error('there is no answer');
  return prediction;
}

/** Logits of the test split as the evaluation has them, by clip. */
async function judged(): Promise<Map<string, Partial<Record<Modality | 'fused', number[]>>>> {
  const { manifest } = dataset;
  const model = await loadModel({ store, spec, manifest, weights: 'last' });
  const shards = await openShards({ store, manifest, split: 'test', modalities: [] });
  const logits = new Map<string, Partial<Record<Modality | 'fused', number[]>>>();
  for await (const batch of evaluationBatches({ store, spec, manifest, split: 'test', batchSize: 3 })) {
    const answers = model.forward(batch);
    for (const [at, row] of batch.rows.entries()) {
      const own = (values: Float32Array) => [
        ...values.subarray(at * model.classes, (at + 1) * model.classes),
      ];
      const branches = spec.modalities
        .filter((modality) => batch.present[modality]?.[at] === 1)
        .map((modality) => [modality, own(answers.branchLogits[modality]!)] as const);
      logits.set(shards.clipIds[row]!, { fused: own(answers.logits), ...Object.fromEntries(branches) });
    }
  }
  shards.close();
  model.dispose();
  return logits;
}

describe('the prediction of clips', () => {
  it('gives test clips the logits and classes that the evaluation gave them', async () => {
    const expected = await judged();
    const clipIds = [...expected.keys()];
    const fileOf = (clipId: string) => {
      const name = /(low|high).*?(\d)(?:\.mp4)?$/u.exec(clipId)!;
      return join(folder, 'clips', 'test', name[1]!, `${name[2]!}.mp4`);
    };
    const { facts, predictions } = await predict(await chooseModel(store, { run: RUN }), clipIds.map(fileOf));
    expect(facts).toMatchObject({ trainingId: spec.trainingId, epoch: 2, classNames: ['high', 'low'] });
    expect(facts.extractorVersion.here).toBe(dataset.manifest.extractorVersion);
    expect(clipIds).toHaveLength(8);
    const stored = tableFromIPC(await store.get(evaluation.features.test)).toArray() as {
      clip_id: string;
      predicted: number;
    }[];
    const classes = new Map(stored.map(({ clip_id, predicted }) => [clip_id, predicted]));
    for (const [at, clipId] of clipIds.entries()) {
      const { fused, branches, missing } = answered(predictions[at]);
      const own = { fused: fused.logits, audio: branches.audio?.logits, rgb: branches.rgb?.logits };
      for (const head of ['fused', 'audio', 'rgb'] as const) {
        const [found, wanted] = [own[head], expected.get(clipId)![head]];
        expect(found === undefined, `${clipId} ${head}`).toBe(wanted === undefined);
        wanted?.forEach((logit, k) => {
          expect(found![k], `${clipId} ${head}`).toBeCloseTo(logit, 5);
        });
      }
      expect(Object.keys(missing)).toEqual(wantedMissing(expected.get(clipId)!));
      expect(fused.probabilities.indexOf(Math.max(...fused.probabilities))).toBe(classes.get(clipId));
      expect(fused.probabilities.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 12);
    }
    // The clip without sound is among them.
    expect(
      predictions.filter((one) => 'missing' in one && one.missing.audio?.code === 'no-stream'),
    ).toHaveLength(1);
  });

  const wantedMissing = (logits: object) => spec.modalities.filter((modality) => !(modality in logits));

  it('tells of clips that cannot be used, in their place, and answers the others', async () => {
    const bad = join(folder, 'bad.mp4');
    const empty = join(folder, 'empty.mp4');
    await writeFile(bad, 'this is no film');
    await writeFile(empty, '');
    const good = join(folder, 'clips', 'test', 'low', '1.mp4');
    // More clips than a batch of three holds.
    const files = [bad, good, empty, join(folder, 'nowhere.mp4'), good];
    const { predictions } = await predict(await chooseModel(store, {}), files);
    expect(predictions.map((one) => ('problem' in one ? one.problem.code : 'answered'))).toEqual([
      ...['unreadable', 'answered', 'empty', 'missing-file', 'answered'],
    ]);
    expect(predictions.map(({ path }) => path)).toEqual(files);
    expect(answered(predictions[1]).fused.logits).toEqual(answered(predictions[4]).fused.logits);
  });
});

describe('the choice of a model', () => {
  const chosenId = async (choice: Parameters<typeof chooseModel>[1]) =>
    (await chooseModel(store, choice)).spec.trainingId;

  it('finds a run, one training, and the training that ended last', async () => {
    expect(await chosenId({ run: RUN })).toBe(spec.trainingId);
    expect(await chosenId({ run: spec.trainingId })).toBe(spec.trainingId);
    expect(await chosenId({ run: RUN, method: 'b-mm', seed: 0 })).toBe(spec.trainingId);
    expect(await chosenId({})).toBe(spec.trainingId);
  });

  it("finds a registered model's current version, or the one named", async () => {
    const version = await registerVersion(store, await versionOf(store, 'tiny', spec), new Date());
    await expect(chooseModel(store, { model: 'tiny' })).rejects.toMatchObject({ kind: 'config' });
    await moveCurrent(store, { model: 'tiny', to: 1, by: 'promote', reason: 'a test', now: new Date() });
    expect(version.version).toBe(1);
    for (const model of ['tiny', 'tiny@1']) {
      expect(await chooseModel(store, { model })).toEqual({
        spec,
        weights: 'last',
        version: { model: 'tiny', version: 1 },
      });
    }
    expect(await chosenId({ named: 'tiny@1' })).toBe(spec.trainingId);
    expect((await chooseModel(store, { named: RUN })).version).toBeUndefined();
  });

  it.each([
    [{ run: 'nothing' }, /there is no run "nothing"/u],
    [{ run: '../tiny' }, /there is no run/u],
    [{ run: RUN, method: 'joint' }, /no such training/u],
    [{ run: RUN, seed: 3 }, /no such training/u],
    [{ model: 'other' }, /no version of a model "other" is current/u],
    [{ model: 'tiny@9' }, /no version 9/u],
    [{ model: 'tiny@newest' }, /names no model/u],
  ])('refuses %j', async (choice, message) => {
    await expect(chooseModel(store, choice)).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringMatching(message) as string,
    });
  });

  it('says so when nothing has ended in a store', async () => {
    const empty = openStore(`file:${join(folder, 'empty-store')}`);
    await expect(chooseModel(empty, {})).rejects.toThrow(/no run has ended in this store/u);
  });

  it('refuses weights of which one bit is not as training left it, wherever they are used', async () => {
    const path = storePaths.model(spec.trainingId);
    const whole = await store.get(path);
    const damaged = Buffer.from(whole);
    // A high bit of one float's exponent: a number that the file may hold.
    damaged[damaged.length - 1]! ^= 0x40;
    const told = {
      kind: 'input',
      message: expect.stringContaining('the weights are damaged: their sha256 should be ') as string,
      where: `${store.uri}/${path}`,
    };
    await store.put(path, damaged);
    try {
      const chosen = await chooseModel(store, { run: RUN });
      await expect(predict(chosen, [])).rejects.toMatchObject(told);
      await expect(readWeights(store, spec.trainingId, 'last')).rejects.toMatchObject(told);
      await expect(
        loadModel({ store, spec, manifest: dataset.manifest, weights: 'last' }),
      ).rejects.toMatchObject(told);
    } finally {
      await store.put(path, whole);
    }
    const model = await loadModel({ store, spec, manifest: dataset.manifest, weights: 'last' });
    expect(model.epoch).toBe(spec.training.epochs);
    model.dispose();
  });
});
