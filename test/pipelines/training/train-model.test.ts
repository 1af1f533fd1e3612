import { existsSync, readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { METHODS } from '../../../schemas/config/methods.ts';
import type { Precision } from '../../../schemas/config/training-config.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { ActivityProgress } from '../../../schemas/progress.ts';
import { epochMetricsSchema, type TrainingSpec } from '../../../schemas/training.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { evaluationBatches, loadModel, readWeights } from '../../../pipelines/training/weights/load-model.ts';
import type { EvaluationBatch } from '../../../pipelines/training/model/loaded-model.ts';
import { runTraining } from '../../../pipelines/training/run-training.ts';
import { backend, tf } from '../../../pipelines/engine/tensorflow.ts';
import { trainModel } from '../../../pipelines/training/train-model.ts';
import { relativeError } from './golden/read-golden.ts';
import { EASY, publishTinyDataset, tinySpec, type TinyDataset } from './tiny-dataset.ts';
import { copyOfDataset, trainSteps } from './tiny-training.ts';

let dataset: TinyDataset;
beforeAll(async () => {
  dataset = await publishTinyDataset();
});

async function metricsOf(store: Store, spec: TrainingSpec) {
  const lines = (await store.get(storePaths.metrics(spec.trainingId))).toString().trim().split('\n');
  return lines.map((line) => {
    const measured = epochMetricsSchema.parse(JSON.parse(line));
    const { seconds, clipsPerS, dataWaitShare, peakMemoryMiB, ...repeatable } = measured;
    expect(seconds).toBeGreaterThan(0);
    expect(clipsPerS).toBeGreaterThan(0);
    expect(dataWaitShare).toBeLessThan(1);
    expect(peakMemoryMiB).toBeGreaterThan(50);
    return repeatable;
  });
}

describe('a training', () => {
  it.each(METHODS)('by %s ends with a model, its metrics and its result', async (method) => {
    const store = await copyOfDataset(dataset);
    // The least that ReconBoost takes in two epochs: one for each modality.
    const spec = tinySpec(dataset, method, { reconBoost: { boostEpochs: 1, rectifyEpochs: 0 } });
    const reports: ActivityProgress[] = [];
    const result = await trainModel({
      store,
      spec,
      report: (progress) => reports.push(progress),
      stopRequested: () => false,
    });
    expect(result).toMatchObject({
      method,
      epochs: 2,
      steps: 10,
      best: { criterion: 'validation accuracy' },
    });
    expect(reports.slice(-10).map(({ done }) => done)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(reports.at(-1)).toMatchObject({ total: 10, epoch: 2, epochs: 2 });
    const metrics = await metricsOf(store, spec);
    expect(metrics.map(({ epoch }) => epoch)).toEqual([1, 2]);
    const mixes = ['mm', 'b-mm', 'input-mixup', 'manifold-mixup'].includes(method);
    expect(metrics[1]!.lambda !== undefined).toBe(mixes);
    expect(metrics[1]!.coefficient !== undefined).toBe(['ogm-ge', 'ogm', 'agm'].includes(method));
    expect(Object.keys(metrics[1]!.test!.branches)).toEqual(['audio', 'rgb']);
    const folder = join(fileURLToPath(store.uri), storePaths.tensorboard(spec.trainingId));
    expect(readdirSync(folder).some((name) => name.includes('tfevents'))).toBe(true);
  });

  it('that is not to watch the test split has the same weights, and does not open it', async () => {
    const store = await copyOfDataset(dataset);
    const watched = await trainSteps(store, tinySpec(dataset, 'b-mm'));
    for (const { split, path } of dataset.manifest.shards) if (split === 'test') await store.delete(path);
    const spec = tinySpec(dataset, 'b-mm', { watchTest: false });
    expect(spec.trainingId).not.toBe(watched.trainingId);
    const unwatched = await trainSteps(store, spec);
    const tensorsOf = async (id: string) => (await readWeights(store, id, 'last')).tensors;
    expect(await tensorsOf(unwatched.trainingId)).toEqual(await tensorsOf(watched.trainingId));
    const metrics = await metricsOf(store, spec);
    expect(metrics.map(({ test }) => test)).toEqual([undefined, undefined]);
    expect(metrics.map(({ validation }) => validation)).toEqual(
      (await metricsOf(store, tinySpec(dataset, 'b-mm'))).map(({ validation }) => validation),
    );
    await expect(trainSteps(store, tinySpec(dataset, 'joint'))).rejects.toThrow();
  });

  it.each(['concat', 'sum', 'film', 'gated'])('with fusion %s learns what the clips show', async (fusion) => {
    const store = await copyOfDataset(dataset);
    const { last } = await trainSteps(store, tinySpec(dataset, 'joint', { ...EASY, fusion, epochs: 12 }));
    expect(last.train.fused).toBeGreaterThan(0.85);
    expect((4 * last.validation!.fused + 6 * last.test!.fused) / 10).toBeGreaterThan(0.85);
  });

  it('with bfloat16 learns what the clips show, keeps float32 weights and is judged with bfloat16', async () => {
    const store = await copyOfDataset(dataset);
    const spec = tinySpec(dataset, 'joint', {
      ...EASY,
      ...{ precision: 'bfloat16', epochs: 12, encoder: { width: 8 } },
    });
    const { last } = await trainSteps(store, spec);
    expect(last.train.fused).toBeGreaterThan(0.85);
    expect((4 * last.validation!.fused + 6 * last.test!.fused) / 10).toBeGreaterThan(0.85);
    const weights = await readWeights(store, spec.trainingId, 'last');
    const filter = weights.tensors.get('audio.layer1.0.conv1.weight')!;
    const numbers = new Uint32Array(Float32Array.from(filter.values).buffer);
    expect(numbers.some((bits) => (bits & 0xffff) !== 0)).toBe(true);
    const logitsOf = async (precision: Precision) => {
      const judged = { ...spec, training: { ...spec.training, precision } };
      const input = { store, spec: judged, manifest: dataset.manifest };
      const model = await loadModel({ ...input, weights: 'last' });
      const batches = evaluationBatches({ ...input, split: 'test', batchSize: 4 });
      const { value: batch } = await batches.next();
      const { logits } = model.forward(batch as EvaluationBatch);
      await batches.return();
      model.dispose();
      return logits;
    };
    const apart = relativeError(await logitsOf('bfloat16'), await logitsOf('float32'));
    expect(apart).toBeGreaterThan(1e-4);
    expect(apart).toBeLessThan(0.05);
  });

  it('that is done is returned untouched', async () => {
    const store = await copyOfDataset(dataset);
    const spec = tinySpec(dataset, 'joint', { epochs: 1 });
    const result = await trainSteps(store, spec);
    const before = await store.list('runs');
    expect(await trainSteps(store, spec)).toEqual(result);
    expect(await store.list('runs')).toEqual(before);
  });

  it('leaves no tensor behind', async () => {
    const store = await copyOfDataset(dataset);
    await trainSteps(store, tinySpec(dataset, 'joint', { epochs: 1 }));
    const counts: number[] = [];
    const before = tf.memory().numTensors;
    await trainModel({
      store,
      spec: tinySpec(dataset, 'b-mm'),
      report: () => counts.push(tf.memory().numTensors, backend.getNumOfTFTensors()),
      stopRequested: () => false,
    });
    const [tensors, handles] = counts;
    expect(counts.filter((_, i) => i % 2 === 0)).toEqual(Array(10).fill(tensors));
    expect(counts.filter((_, i) => i % 2 === 1)).toEqual(Array(10).fill(handles));
    // Five are tfjs's own: what its writer of event files was made from.
    expect(tf.memory().numTensors).toBeLessThanOrEqual(before + 5);
  });

  it('keeps the checkpoints it was told to, and the best', async () => {
    const store = await copyOfDataset(dataset);
    const spec = tinySpec(dataset, 'joint');
    await trainSteps(store, spec);
    expect(await store.list(storePaths.checkpoints(spec.trainingId))).toEqual([
      storePaths.bestCheckpoint(spec.trainingId),
      storePaths.checkpoint(spec.trainingId, 8),
      storePaths.checkpoint(spec.trainingId, 10),
    ]);
  });
});

describe('a training that is stopped', () => {
  it.each([
    ['b-mm', 3, 2],
    ['b-mm', 5, 8], // wide enough for the compiled encoder and its transforms
    ['b-mm', 8, 2],
    ['ogm-ge', 7, 2],
  ] as const)(
    '%s after %i steps and started again ends with the weights of an undisturbed one, at width %i',
    async (method, steps, width) => {
      const spec = tinySpec(dataset, method, { encoder: { width } });
      const [whole, broken] = [await copyOfDataset(dataset), await copyOfDataset(dataset)];
      const expected = await trainSteps(whole, spec);
      await expect(trainSteps(broken, spec, steps)).rejects.toMatchObject({ kind: 'cancelled' });
      const resumed = await trainSteps(broken, spec);
      expect(resumed.model.sha256).toBe(expected.model.sha256);
      expect(resumed.best).toEqual(expected.best);
      expect(await metricsOf(broken, spec)).toEqual(await metricsOf(whole, spec));
    },
  );

  it('draws what is varied in sound and colours as if it had not been', async () => {
    const augment = {
      view: 'whole',
      audio: { gainDb: 6, noise: { snrDb: [0, 20] }, timeMasks: { count: 1, largest: 5 } },
      colour: { brightness: 0.4, hue: 0.1 },
    };
    const spec = tinySpec(dataset, 'joint', { testView: 'whole', augment });
    const [whole, broken] = [await copyOfDataset(dataset), await copyOfDataset(dataset)];
    const expected = await trainSteps(whole, spec);
    await expect(trainSteps(broken, spec, 3)).rejects.toMatchObject({ kind: 'cancelled' });
    expect((await trainSteps(broken, spec)).model.sha256).toBe(expected.model.sha256);
    // Each kind of it tells in the weights.
    for (const less of [
      { ...augment, audio: undefined },
      { ...augment, colour: undefined },
    ]) {
      const other = tinySpec(dataset, 'joint', { testView: 'whole', augment: less });
      expect((await trainSteps(await copyOfDataset(dataset), other)).model.sha256).not.toBe(
        expected.model.sha256,
      );
    }
  });

  /** As long as before, and with the same numbers. */
  const turnShape = (file: string) => {
    const bytes = readFileSync(file);
    const turned = bytes
      .toString('latin1')
      .replace(
        /"shape":\[(\d+),(\d+)\]/u,
        (_, rows: string, columns: string) => `"shape":[${columns},${rows}]`,
      );
    expect(turned).not.toBe(bytes.toString('latin1'));
    writeFileSync(file, Buffer.from(turned, 'latin1'));
  };
  const cutOff = (file: string) => {
    truncateSync(file, 5_000);
  };

  it.each([
    ['is cut off', cutOff],
    ['has a tensor of another shape', turnShape],
  ])('passes over a checkpoint that %s and uses the one before', async (_, damage) => {
    const spec = tinySpec(dataset, 'mm');
    const [whole, broken] = [await copyOfDataset(dataset), await copyOfDataset(dataset)];
    const expected = await trainSteps(whole, spec);
    await expect(trainSteps(broken, spec, 7)).rejects.toMatchObject({ kind: 'cancelled' });
    damage(await broken.localFile(storePaths.checkpoint(spec.trainingId, 7)));
    const resumed = await trainSteps(broken, spec);
    expect(resumed.model.sha256).toBe(expected.model.sha256);
    expect(expected.notes).toBeUndefined();
    expect(resumed.notes).toEqual([
      expect.stringMatching(/^a damaged checkpoint was passed over, went on from step \d: .*step-000000007/u),
    ]);
  });

  it('whose checkpoints are all damaged does not begin anew without a word', async () => {
    const spec = tinySpec(dataset, 'mm');
    const store = await copyOfDataset(dataset);
    await expect(trainSteps(store, spec, 3)).rejects.toMatchObject({ kind: 'cancelled' });
    const folder = storePaths.checkpoints(spec.trainingId);
    for (const path of await store.list(folder)) truncateSync(await store.localFile(path), 5_000);
    await expect(trainSteps(store, spec)).rejects.toMatchObject({
      ...{ kind: 'input', where: `${store.uri}/${folder}` },
      message: expect.stringContaining('no checkpoint of the training is whole') as string,
      fix: expect.stringContaining('delete that folder to train from the beginning') as string,
    });
    await store.delete(folder);
    expect((await trainSteps(store, spec)).steps).toBe(10);
  });

  it('that goes on with another number of threads says so, while it runs and in its result', async () => {
    const spec = tinySpec(dataset, 'mm');
    const store = await copyOfDataset(dataset);
    vi.stubEnv('TF_NUM_INTRAOP_THREADS', '1');
    await expect(trainSteps(store, spec, 3)).rejects.toMatchObject({ kind: 'cancelled' });
    vi.stubEnv('TF_NUM_INTRAOP_THREADS', '3');
    const notes = new Set<string | undefined>();
    const report = ({ note }: ActivityProgress) => notes.add(note);
    const { notes: told } = await trainModel({ store, spec, report, stopRequested: () => false });
    vi.unstubAllEnvs();
    expect(told).toEqual([
      expect.stringMatching(/^from step 3 on: cpu, .*, 3 threads; before: cpu, .*, 1 thread\./u),
    ]);
    expect([...notes]).toEqual(told);
  });

  it('in a child process stops on a signal, and goes on to the same weights', async () => {
    const spec = tinySpec(dataset, 'b-mm', { threads: 2 });
    const [whole, broken] = [await copyOfDataset(dataset), await copyOfDataset(dataset)];
    const expected = await runTraining({ storeUri: whole.uri, spec });
    const stop = new AbortController();
    const stopped = runTraining({
      storeUri: broken.uri,
      spec,
      signal: stop.signal,
      onProgress: ({ done }) => {
        if (done === 3) stop.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ kind: 'cancelled' });
    expect(existsSync(await broken.localFile(storePaths.checkpoint(spec.trainingId, 2)))).toBe(true);
    const resumed = await runTraining({ storeUri: broken.uri, spec });
    expect(resumed.model.sha256).toBe(expected.model.sha256);
    expect(resumed.environment.threads).toBe(2);
  });
});

describe('a trained model that is loaded again', () => {
  it.each(['last', 'best'] as const)(
    'answers as training judged it, with its %s weights',
    async (weights) => {
      const store = await copyOfDataset(dataset);
      const spec = tinySpec(dataset, 'b-mm');
      const result = await trainSteps(store, spec);
      const { manifest } = dataset;
      const model = await loadModel({ store, spec, manifest, weights });
      const before = tf.memory().numTensors;
      let [right, clips] = [0, 0];
      for await (const batch of evaluationBatches({ store, spec, manifest, split: 'test', batchSize: 4 })) {
        const { logits, features, fused } = model.forward(batch);
        expect(features.audio).toHaveLength(batch.size * model.featureSize);
        expect(fused).toHaveLength(batch.size * model.fusedSize);
        for (const [row, label] of batch.labels.entries()) {
          right += Number(logits[2 * row + label]! > logits[2 * row + 1 - label]!);
          clips += 1;
        }
        const without = model.forward(batch, { drop: ['audio'] });
        expect(without.features.audio!.every((value) => value === 0)).toBe(true);
        expect(without.logits).not.toEqual(logits);
        const disturbed = { modality: 'rgb', by: { kind: 'noise', level: 1, seed: 0 } } as const;
        expect(model.forward(batch, { disturbed }).logits).toEqual(
          model.forward(batch, { disturbed }).logits,
        );
        expect(model.forward(batch, { disturbed }).logits).not.toEqual(logits);
      }
      expect(clips).toBe(6);
      expect(tf.memory().numTensors).toBe(before);
      const metrics = await metricsOf(store, spec);
      expect(model.epoch).toBe(weights === 'last' ? 2 : result.best.epoch);
      expect(right / clips).toBeCloseTo(metrics[model.epoch - 1]!.test!.fused, 10);
      model.dispose();
    },
  );
});

describe('what cannot be trained is refused', () => {
  it('a modality that the dataset does not have', async () => {
    const spec = { ...tinySpec(dataset, 'joint'), modalities: ['audio' as const, 'flow' as const] };
    await expect(trainSteps(dataset.store, spec)).rejects.toMatchObject({
      kind: 'input',
      message: /no flow/u,
    });
  });

  it('a dataset that is not there', async () => {
    const spec = { ...tinySpec(dataset, 'joint'), dataset: { name: 'other', version: '1' } };
    await expect(trainSteps(dataset.store, spec)).rejects.toMatchObject({ kind: 'input' });
  });

  it('weights of a training that is not done', async () => {
    const { store, manifest } = dataset;
    const loading = loadModel({ store, spec: tinySpec(dataset, 'mm'), manifest, weights: 'last' });
    await expect(loading).rejects.toMatchObject({ kind: 'input', message: /not complete/u });
  });
});
