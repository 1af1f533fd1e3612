/** Trainings with the options of schemas/config/training-options.ts, on the tiny dataset. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { MethodName } from '../../../schemas/config/methods.ts';
import { storePaths } from '../../../schemas/names.ts';
import { epochMetricsSchema, type TrainingSpec } from '../../../schemas/training.ts';
import { tf } from '../../../pipelines/engine/tensorflow.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { writeCheckpoint } from '../../../pipelines/training/checkpoints/checkpoint.ts';
import { decodeCheckpoint } from '../../../pipelines/training/checkpoints/read-checkpoint.ts';
import type { StoredTensor } from '../../../pipelines/training/checkpoints/safetensors.ts';
import { createModel } from '../../../pipelines/training/weights/create-model.ts';
import { evaluationBatches, loadModel, readWeights } from '../../../pipelines/training/weights/load-model.ts';
import { newFolder } from '../shards/fixtures.ts';
import { relativeError } from './golden/read-golden.ts';
import { publishTinyDataset, tinySpec, type TinyDataset } from './tiny-dataset.ts';
import { copyOfDataset, trainSteps } from './tiny-training.ts';

let dataset: TinyDataset;
beforeAll(async () => {
  dataset = await publishTinyDataset();
});

/** All that do not exclude one another, and no early end. */
const EVERYTHING = {
  clipNorm: 1,
  accumulateSteps: 2,
  labelSmoothing: 0.1,
  classWeights: 'balanced',
  ema: { decay: 0.7 },
  earlyStopping: { patience: 50 },
  decayNorms: false,
  encoderLearningRateScale: 0.5,
  freeze: ['audio'],
  schedule: { name: 'cosine', warmupSteps: 4 },
  optimizer: { name: 'adamw', learningRate: 3e-3, weightDecay: 0.05 },
};
/** 3 updates an epoch: of 2, 2 and 1 batches. */
const UPDATES = 3;

async function metricsOf(store: Store, spec: TrainingSpec) {
  const lines = (await store.get(storePaths.metrics(spec.trainingId))).toString().trim().split('\n');
  return lines.map((line) => {
    const metrics = epochMetricsSchema.parse(JSON.parse(line));
    return { ...metrics, seconds: 0, clipsPerS: 0, dataWaitShare: 0, peakMemoryMiB: 0 };
  });
}

async function checkpointOf(store: Store, spec: TrainingSpec, step: number) {
  const path = storePaths.checkpoint(spec.trainingId, step);
  return decodeCheckpoint(await store.get(path), spec.trainingId, path);
}

async function weightsOf(store: Store, spec: TrainingSpec): Promise<ReadonlyMap<string, StoredTensor>> {
  return (await readWeights(store, spec.trainingId, 'last')).tensors;
}

/** Before the first step. */
function initialWeights(spec: TrainingSpec): Map<string, Float32Array> {
  const model = createModel(spec, 2);
  const values = [...model.parameters.all()].map(
    ([name, variable]) => [name, variable.dataSync<'float32'>().slice()] as const,
  );
  model.dispose();
  return new Map(values);
}

function largestChange(
  a: ReadonlyMap<string, StoredTensor>,
  b: ReadonlyMap<string, Float32Array>,
  named: (name: string) => boolean,
): number {
  const changes = [...a]
    .filter(([name]) => named(name))
    .map(([name, { values }]) => Math.max(...values.map((value, at) => Math.abs(value - b.get(name)![at]!))));
  expect(changes.length).toBeGreaterThan(0);
  return Math.max(...changes);
}

describe('a training with all options at once that is stopped', () => {
  it.each([
    ['b-mm', 1, 2, {}],
    ['b-mm', 4, 8, {}], // wide enough for the compiled encoder
    ['mmpareto', 2, 2, {}],
    ['pmr', 5, 2, {}],
    ['mla', 7, 2, { accumulateSteps: undefined }],
    ['reconboost', 4, 2, { reconBoost: { boostEpochs: 1, rectifyEpochs: 1 }, epochs: 4 }],
    ['joint', 2, 2, { classWeights: undefined, sampling: 'balanced' }],
  ] as const)(
    '%s after %i updates and started again ends with the weights of an undisturbed one, at width %i',
    async (method, updates, width, changes) => {
      const spec = tinySpec(dataset, method, { ...EVERYTHING, encoder: { width }, ...changes });
      const [whole, broken] = [await copyOfDataset(dataset), await copyOfDataset(dataset)];
      const tensors: number[] = [];
      const expected = await trainSteps(whole, spec, Infinity, () => tensors.push(tf.memory().numTensors));
      expect(new Set(tensors.slice(1)).size).toBe(1);
      const { epochs, accumulateSteps } = spec.training;
      expect(expected.steps).toBe(epochs * (accumulateSteps === undefined ? 5 : UPDATES));
      await expect(trainSteps(broken, spec, updates)).rejects.toMatchObject({ kind: 'cancelled' });
      const resumed = await trainSteps(broken, spec);
      expect(resumed.model.sha256).toBe(expected.model.sha256);
      expect(resumed.best).toEqual(expected.best);
      expect(await metricsOf(broken, spec)).toEqual(await metricsOf(whole, spec));
    },
  );
});

describe('Adam’s steps', () => {
  it('are each parameter’s own in a checkpoint: in a stage of one of ReconBoost’s modalities, only its', async () => {
    const store = await copyOfDataset(dataset);
    const spec = tinySpec(dataset, 'reconboost', {
      reconBoost: { boostEpochs: 1, rectifyEpochs: 1 },
      epochs: 4,
    });
    // Two epochs of audio's, then three steps of rgb alone, by an optimiser that has begun anew.
    await expect(trainSteps(store, spec, 13)).rejects.toMatchObject({ kind: 'cancelled' });
    const { state } = await checkpointOf(store, spec, 13);
    const own = [...initialTrainable(spec)].filter((name) => /^(?:fusion\.classifier\.)?rgb\./u.test(name));
    expect(state.optimizerSteps).toEqual(Object.fromEntries(own.map((name) => [name, 3])));
  });

  it('of a checkpoint of an older version are all those of the training', async () => {
    const store = await copyOfDataset(dataset);
    const spec = tinySpec(dataset, 'joint', { freeze: ['audio'] });
    await expect(trainSteps(store, spec, 3)).rejects.toMatchObject({ kind: 'cancelled' });
    await forgetSteps(store, spec, 3);
    expect((await checkpointOf(store, spec, 3)).state.optimizerSteps).toBeUndefined();
    await trainSteps(store, spec);
    const { state } = await checkpointOf(store, spec, 10);
    expect(state.optimizerSteps).toMatchObject({ 'rgb.conv1.weight': 10, 'audio.conv1.weight': 3 });
  });
});

describe('a frozen encoder', () => {
  it.each([
    ['joint', 8],
    ['joint', 2],
    ['ogm-ge', 2],
    ['mla', 2],
    ['mmpareto', 2],
    ['reconboost', 2],
    ['manifold-mixup', 2],
    ['input-mixup', 2],
    ['unimodal', 2],
    ['agm', 2],
  ] as const)(
    'under %s stays as it was, its running statistics too, at width %i; the rest learns',
    async (method: MethodName, width) => {
      const store = await copyOfDataset(dataset);
      const spec = tinySpec(dataset, method, {
        ...{ freeze: ['audio'], encoder: { width }, epochs: 3 },
        reconBoost: { boostEpochs: 1, rectifyEpochs: 0 },
        optimizer: { name: 'sgd', learningRate: 0.01, weightDecay: 0.1 },
      });
      await trainSteps(store, spec);
      const [after, before] = [await weightsOf(store, spec), initialWeights(spec)];
      expect(largestChange(after, before, (name) => name.startsWith('audio.'))).toBe(0);
      expect(largestChange(after, before, (name) => name.startsWith('rgb.'))).toBeGreaterThan(1e-3);
      expect(largestChange(after, before, (name) => name.startsWith('fusion.'))).toBeGreaterThan(1e-4);
    },
  );
});

describe('accumulated batches', () => {
  it('of half the size make the updates of whole ones, where nothing is normalised by the batch', async () => {
    const changes = {
      ...{ freeze: ['audio', 'rgb'], data: { keepShare: 8 / 11 }, epochs: 3 }, // 16 clips
      optimizer: { name: 'sgd', learningRate: 0.5 },
    };
    const whole = tinySpec(dataset, 'joint', { ...changes, batchSize: 8 });
    const halves = tinySpec(dataset, 'joint', { ...changes, batchSize: 4, accumulateSteps: 2 });
    const [a, b] = [await copyOfDataset(dataset), await copyOfDataset(dataset)];
    expect((await trainSteps(a, whole)).steps).toBe(6);
    expect((await trainSteps(b, halves)).steps).toBe(6);
    const [expected, actual] = [await weightsOf(a, whole), await weightsOf(b, halves)];
    const name = 'fusion.classifier.weight';
    expect(relativeError(actual.get(name)!.values, expected.get(name)!.values)).toBeLessThan(1e-5);
    const moved = largestChange(expected, initialWeights(whole), (own) => own === name);
    expect(moved).toBeGreaterThan(1e-2);
  });
});

describe('averaged weights', () => {
  it('are the model that is judged, saved and loaded; the trained ones are beside them', async () => {
    const store = await copyOfDataset(dataset);
    const spec = tinySpec(dataset, 'joint', { ema: { decay: 0.9, rampUp: false }, epochs: 3 });
    const plain = tinySpec(dataset, 'joint', { epochs: 3 });
    const result = await trainSteps(store, spec);
    await trainSteps(store, plain);
    const { model: averaged, trained } = await checkpointOf(store, spec, 15);
    const saved = await weightsOf(store, spec);
    // What is trained does not see that it is averaged.
    for (const [name, { values }] of await weightsOf(store, plain)) {
      expect(trained.get(name)!.values).toEqual(values);
      expect(saved.get(name)!.values).toEqual(averaged.get(name)!.values);
    }
    const name = 'fusion.classifier.weight';
    expect(relativeError(saved.get(name)!.values, trained.get(name)!.values)).toBeGreaterThan(1e-2);

    const { manifest } = dataset;
    const model = await loadModel({ store, spec, manifest, weights: 'last' });
    let loss = 0;
    for await (const batch of evaluationBatches({
      store,
      spec,
      manifest,
      split: 'validation',
      batchSize: 4,
    })) {
      const { logits } = model.forward(batch);
      for (const [row, label] of batch.labels.entries()) {
        loss += Math.log(1 + Math.exp(logits[2 * row + 1 - label]! - logits[2 * row + label]!)) / 4;
      }
    }
    model.dispose();
    expect(result.last.validation!.loss).toBeCloseTo(loss, 5);
  });
});

describe('a training that stops early', () => {
  it('ends after its patience, and ends there again when it was stopped in its last epoch', async () => {
    const changes = {
      ...{ earlyStopping: { patience: 2, minDelta: 100 }, epochs: 9 },
      optimizer: { name: 'sgd', learningRate: 1e-3 },
    };
    const spec = tinySpec(dataset, 'joint', changes);
    const [whole, broken] = [await copyOfDataset(dataset), await copyOfDataset(dataset)];
    const expected = await trainSteps(whole, spec);
    expect([expected.epochs, expected.steps]).toEqual([3, 15]);
    await expect(trainSteps(broken, spec, 14)).rejects.toMatchObject({ kind: 'cancelled' });
    expect((await trainSteps(broken, spec)).model.sha256).toBe(expected.model.sha256);
  });
});

describe('what no training can do is refused', () => {
  it('class weights for another number of classes', async () => {
    const spec = tinySpec(dataset, 'joint', { classWeights: [1, 2, 3] });
    await expect(trainSteps(await copyOfDataset(dataset), spec)).rejects.toMatchObject({
      kind: 'config',
      message: /3 class weights for 2 classes/u,
    });
  });
});

function initialTrainable(spec: TrainingSpec): Set<string> {
  const model = createModel(spec, 2, 'none');
  const names = new Set(model.parameters.trainable.keys());
  model.dispose();
  return names;
}

/** Makes a checkpoint what a version that counted one step for all would have written. */
async function forgetSteps(store: Store, spec: TrainingSpec, step: number): Promise<void> {
  const { state, model, optimizer } = await checkpointOf(store, spec, step);
  const { optimizerSteps: _, ...older } = state;
  const variables = (tensors: ReadonlyMap<string, StoredTensor>) =>
    new Map(
      [...tensors].map(([name, { shape, values }]) => [name, tf.variable(tf.tensor(values, [...shape]))]),
    );
  const live = { model: variables(model), optimizer: variables(optimizer) };
  const file = join(newFolder(), 'checkpoint');
  writeCheckpoint(file, spec.trainingId, older, live);
  await store.put(storePaths.checkpoint(spec.trainingId, step), readFileSync(file));
  for (const variable of [...live.model.values(), ...live.optimizer.values()]) variable.dispose();
}
