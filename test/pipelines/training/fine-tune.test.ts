import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadManifest } from '../../../pipelines/shards/manifest/load-manifest.ts';
import { openShards } from '../../../pipelines/shards/read/shard-reader.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { createModel } from '../../../pipelines/training/weights/create-model.ts';
import { epochRows, rowPoolOf } from '../../../pipelines/training/data/epoch-rows.ts';
import { evaluationBatches, loadModel } from '../../../pipelines/training/weights/load-model.ts';
import { decodeSafetensors } from '../../../pipelines/training/checkpoints/safetensors.ts';
import { writeStartingWeights } from '../../../pipelines/training/weights/starting-weights.ts';
import { answer } from '../../../pipelines/training/model/answers.ts';
import { tf } from '../../../pipelines/engine/tensorflow.ts';
import { trainModel } from '../../../pipelines/training/train-model.ts';
import { fineTuneSpec } from '../../../pipelines/training/training-spec.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { ModelVersion } from '../../../schemas/retrain.ts';
import { trainingSpecSchema, type TrainingResult, type TrainingSpec } from '../../../schemas/training.ts';
import { newFolder } from '../shards/fixtures.ts';
import { relativeError } from './golden/read-golden.ts';
import {
  publishTinyDataset,
  publishTinySnapshot,
  tinyConfig,
  tinySpec,
  type TinyDataset,
} from './tiny-dataset.ts';

let base: TinyDataset;
let snapshot: DatasetManifest;
let store: Store;
let baseSpec: TrainingSpec;
let from: ModelVersion;
beforeAll(async () => {
  base = await publishTinyDataset();
  ({ store } = base);
  ({ manifest: snapshot } = await publishTinySnapshot(base));
  baseSpec = tinySpec(base, 'b-mm');
  const result = await train(store, baseSpec);
  from = {
    formatVersion: 1,
    model: 'tiny',
    version: 1,
    trainingId: baseSpec.trainingId,
    method: 'b-mm',
    seed: 0,
    modalities: result.modalities,
    classNames: result.classNames,
    dataset: baseSpec.dataset,
    weights: result.model,
    createdAt: '2026-05-01T10:00:00Z',
  };
});

/** Trains until it is done or has taken `steps` steps. */
async function train(at: Store, spec: TrainingSpec, steps = Infinity): Promise<TrainingResult> {
  let taken = 0;
  return await trainModel({
    store: at,
    spec,
    report: () => {
      taken += 1;
    },
    stopRequested: () => taken >= steps,
  });
}

function fineTuning(fineTune: object = {}, training: Record<string, unknown> = {}): TrainingSpec {
  const config = tinyConfig('b-mm', training, { retrain: { fineTune: { epochs: 2, ...fineTune } } });
  return fineTuneSpec(config, snapshot, from);
}

async function copyOfStore(): Promise<Store> {
  const copy = openStore(`file:${join(newFolder(), 'store')}`);
  for (const path of [...(await store.list('datasets')), ...(await store.list(`runs/${from.trainingId}`))]) {
    await copy.put(path, await store.get(path));
  }
  return copy;
}

describe('the spec of a fine-tuning', () => {
  it('has the first method and seed, a tenth of the rate, held constant, and the model it starts from', () => {
    const config = tinyConfig('mm', {
      methods: ['mm', 'joint'],
      seeds: [3, 4],
      schedule: { name: 'cosine' },
    });
    const spec = fineTuneSpec(config, snapshot, from);
    expect(trainingSpecSchema.parse(spec)).toEqual(spec);
    expect(spec).toMatchObject({
      method: 'mm',
      seed: 3,
      dataset: { name: 'test', version: 'snapshot' },
      training: { methods: ['mm'], seeds: [3], epochs: 5, schedule: { name: 'constant' } },
      fineTune: { from: { trainingId: from.trainingId, sha256: from.weights.sha256 }, replayShare: 0.5 },
    });
    expect(spec.training.optimizer).toMatchObject({ name: 'adam', beta1: 0.9 });
    expect(spec.training.optimizer.learningRate).toBeCloseTo(3e-4, 12);
    expect(fineTuning({ learningRate: 0.2 }).training.optimizer.learningRate).toBe(0.2);
  });

  it('has another id for everything that it depends on', () => {
    const config = tinyConfig('b-mm');
    const other = (changes: Partial<ModelVersion>) => fineTuneSpec(config, snapshot, { ...from, ...changes });
    const ids = [
      fineTuneSpec(config, snapshot, from),
      fineTuneSpec(config, { ...snapshot, version: 'later' }, from),
      other({ trainingId: 'another' }),
      other({ weights: { path: from.weights.path, sha256: 'f'.repeat(64) } }),
      fineTuning(),
      fineTuning({ learningRate: 1e-5 }),
      fineTuning({ replayShare: 0.25 }),
      fineTuning({}, { batchSize: 4 }),
      baseSpec,
    ].map(({ trainingId }) => trainingId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(other({ version: 9, createdAt: '2027-01-01T00:00:00Z' }).trainingId).toBe(ids[0]);
  });
});

describe('an epoch of a fine-tuning', () => {
  const clipsOf = async (replayShare: number, epoch: number) => {
    const pool = rowPoolOf(fineTuning({ replayShare }), snapshot);
    const rows = [...epochRows(pool, 0, epoch)];
    const shards = await openShards({
      store,
      manifest: snapshot,
      split: 'train',
      modalities: [],
    });
    try {
      expect(new Set(rows).size).toBe(rows.length);
      const numbers = rows.map((row) => Number(shards.clipIds[row]!.split('-')[1]));
      return {
        fresh: numbers.filter((number) => number >= 100).sort((a, b) => a - b),
        old: numbers.filter((number) => number < 100),
      };
    } finally {
      shards.close();
    }
  };

  it.each([
    [0, 0],
    [0.25, 2],
    [0.5, 6],
    [0.75, 18],
    [0.95, 22],
  ])('with a share of %f old clips has every new clip once, and %i old ones', async (share, old) => {
    const clips = await clipsOf(share, 0);
    expect(clips.fresh).toEqual([100, 101, 102, 103, 104, 106]);
    expect(clips.old).toHaveLength(old);
  });

  it('has other old clips than the one before, and in time all of them', async () => {
    const [first, second] = [await clipsOf(0.5, 0), await clipsOf(0.5, 1)];
    expect(second.old).not.toEqual(first.old);
    expect((await clipsOf(0.5, 0)).old).toEqual(first.old);
    const seen = new Set<number>();
    for (let epoch = 0; epoch < 40; epoch += 1) for (const n of (await clipsOf(0.5, epoch)).old) seen.add(n);
    expect(seen.size).toBe(22);
  });
});

describe('a fine-tuning', () => {
  it('starts from exactly the weights it is given, whatever its seed', async () => {
    const spec = { ...fineTuning(), seed: 7 };
    const model = createModel(spec, snapshot.classNames.length);
    await writeStartingWeights(store, spec, snapshot, model);
    const before = await loadModel({ store, spec: baseSpec, manifest: base.manifest, weights: 'last' });
    const input = { store, spec, manifest: snapshot, split: 'test', batchSize: 9 } as const;
    for await (const batch of evaluationBatches(input)) {
      tf.tidy(() => {
        const answers = answer(model, model.encode(batch, false));
        const expected = before.forward(batch);
        expect([...answers.fused]).toEqual([...expected.logits]);
        expect([...answers.branches.audio!]).toEqual([...expected.branchLogits.audio!]);
      });
    }
    before.dispose();
    model.dispose();
  });

  it('goes from there and not from anywhere else: with no rate to speak of it ends where it began', async () => {
    const result = await train(store, fineTuning({ learningRate: 1e-30, epochs: 1 }));
    const [began, ended] = await Promise.all(
      [from.weights.path, result.model.path].map(async (path) => {
        return decodeSafetensors(await store.get(path), path).tensors;
      }),
    );
    const moved = [...began!].filter(([name, { values }]) => {
      return !Buffer.from(values.buffer).equals(Buffer.from(ended!.get(name)!.values.buffer));
    });
    // Running statistics follow the data, at any rate.
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.filter(([name]) => !name.includes('running_')).map(([name]) => name)).toEqual([]);
  });

  it('takes steps over new and replayed clips, and learns something else without the latter', async () => {
    const replaying = await train(store, fineTuning());
    const forgetting = await train(store, fineTuning({ replayShare: 0 }));
    // 6 new and 6 old clips in batches of 5; 6 new ones alone, whose sixth has no batch.
    expect([replaying.steps, forgetting.steps]).toEqual([6, 2]);
    expect(replaying.model.sha256).not.toBe(forgetting.model.sha256);
  });

  it.each([1, 3, 4])('stopped after %i steps and started again ends with the same weights', async (steps) => {
    const spec = fineTuning();
    const expected = await train(store, spec);
    const broken = await copyOfStore();
    await expect(train(broken, spec, steps)).rejects.toMatchObject({ kind: 'cancelled' });
    const resumed = await train(broken, spec);
    expect(resumed.model.sha256).toBe(expected.model.sha256);
    expect(resumed.best).toEqual(expected.best);
  });

  it('with the options of training does so too, and averages from where it starts', async () => {
    const spec = fineTuning(
      {},
      {
        ...{ clipNorm: 1, accumulateSteps: 2, labelSmoothing: 0.1, classWeights: 'balanced' },
        ...{ ema: { decay: 0.9, rampUp: false }, earlyStopping: { patience: 5 }, freeze: ['rgb'] },
        ...{ decayNorms: false, encoderLearningRateScale: 0.1 },
      },
    );
    const expected = await train(store, spec);
    expect(expected.steps).toBe(4);
    const broken = await copyOfStore();
    await expect(train(broken, spec, 1)).rejects.toMatchObject({ kind: 'cancelled' });
    expect((await train(broken, spec)).model.sha256).toBe(expected.model.sha256);
    const tensorsOf = async (path: string) => decodeSafetensors(await store.get(path), path).tensors;
    const [began, ended] = [await tensorsOf(from.weights.path), await tensorsOf(expected.model.path)];
    const name = 'rgb.layer1.0.conv1.weight';
    // The average of one number is that number, up to its last bits.
    expect(relativeError(ended.get(name)!.values, began.get(name)!.values)).toBeLessThan(1e-6);
  });
});

describe('a fine-tuning is refused', () => {
  const withManifest = async (version: string, changes: Partial<DatasetManifest>): Promise<TrainingSpec> => {
    const changed = { ...snapshot, version, ...changes };
    await store.put(storePaths.manifest(changed.name, version), JSON.stringify(changed));
    await loadManifest(store, changed.name, version);
    return fineTuneSpec(tinyConfig('b-mm'), changed, from);
  };

  it('when none of the new clips is there to train on', async () => {
    const newShards = snapshot.snapshot!.newShards.filter((path) => path.includes('test-'));
    const spec = await withManifest('only-tests', { snapshot: { ...snapshot.snapshot!, newShards } });
    await expect(train(store, spec)).rejects.toMatchObject({
      kind: 'config',
      message: /none of the new clips is in the training split/u,
    });
  });

  it('on a dataset that does not say what is new', async () => {
    const spec = fineTuneSpec(tinyConfig('b-mm'), base.manifest, from);
    await expect(train(store, spec)).rejects.toMatchObject({ kind: 'input' });
  });

  it('when the classes changed', async () => {
    const spec = await withManifest('renamed', { classNames: ['odd', 'even'] });
    await expect(train(store, spec)).rejects.toMatchObject({
      kind: 'config',
      message: 'the model to start from has the classes even, odd, this training odd, even',
    });
  });

  it.each([
    ['the fusion concat', { fusion: 'sum' }],
    ['the encoder', { encoder: { width: 4 } }],
  ])('when %s changed', async (what, training) => {
    await expect(train(store, fineTuning({}, training))).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringContaining(`the model to start from has ${what}`) as string,
    });
  });

  it('when the weights are not the ones it should start from, or are gone', async () => {
    const other = { ...from, weights: { ...from.weights, sha256: 'f'.repeat(64) } };
    const damaged = fineTuneSpec(tinyConfig('b-mm'), snapshot, other);
    await expect(train(store, damaged)).rejects.toMatchObject({ kind: 'input', message: /damaged/u });
    const gone = fineTuneSpec(tinyConfig('b-mm'), snapshot, { ...from, trainingId: 'tiny-gone' });
    await expect(train(store, gone)).rejects.toMatchObject({ kind: 'input', message: /not there/u });
  });
});
