/** Short real trainings by the methods with steps, parameters or needs of their own. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { entriesOf } from '../../../../schemas/modality.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import { storePaths } from '../../../../schemas/names.ts';
import { epochMetricsSchema, type EpochMetrics, type TrainingSpec } from '../../../../schemas/training.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import { evaluationBatches, loadModel } from '../../../../pipelines/training/weights/load-model.ts';
import { runTraining } from '../../../../pipelines/training/run-training.ts';
import { tf } from '../../../../pipelines/engine/tensorflow.ts';
import { trainModel } from '../../../../pipelines/training/train-model.ts';
import { withMethod } from '../../../../pipelines/training/training-spec.ts';
import { EASY, publishTinyDataset, tinySpec, type TinyDataset } from '../tiny-dataset.ts';
import { copyOfDataset, trainSteps } from '../tiny-training.ts';

let dataset: TinyDataset;
beforeAll(async () => {
  dataset = await publishTinyDataset();
});

async function metricsOf(store: Store, spec: TrainingSpec): Promise<EpochMetrics[]> {
  const lines = (await store.get(storePaths.metrics(spec.trainingId))).toString().trim().split('\n');
  return lines.map((line) => epochMetricsSchema.parse(JSON.parse(line)));
}

const withoutTimes = (metrics: EpochMetrics[]) =>
  metrics.map((line) => ({ ...line, seconds: 0, clipsPerS: 0, dataWaitShare: 0, peakMemoryMiB: 0 }));

/**
 * `heads`: each modality is always trained through the classifier that judges it alone. (G-Blending's heads may have
 * weight 0.)
 */
const CASES = [
  { method: 'g-blending', needed: 2, heads: false },
  { method: 'pmr', needed: 0, heads: false },
  { method: 'agm', needed: 0, heads: false },
  { method: 'mmpareto', needed: 0, heads: true },
  { method: 'umt', needed: 1, heads: false },
  { method: 'mla', needed: 0, heads: true },
  { method: 'reconboost', needed: 0, heads: true },
] as const;

/** ReconBoost's modalities take turns, so each gets half of the epochs. */
const epochsOf = (method: string) => (method === 'reconboost' ? 24 : 12);

const STAGES = { reconBoost: { boostEpochs: 1, rectifyEpochs: 1 } };

describe.each(CASES)('$method', ({ method, needed, heads }) => {
  it('learns what the clips show, leaves no tensor behind, and its model answers as training judged it', async () => {
    const store = await copyOfDataset(dataset);
    const spec = tinySpec(dataset, method, { ...EASY, epochs: epochsOf(method), ...STAGES });
    const counts: number[] = [];
    await trainModel({
      store,
      spec,
      report: () => counts.push(tf.memory().numTensors),
      stopRequested: () => false,
    });
    // At 2 steps an epoch, the last ones: none of a training that it needs.
    expect(counts.slice(-24)).toEqual(Array(24).fill(counts.at(-1)));
    const metrics = await metricsOf(store, spec);
    const { train, validation, test } = metrics.at(-1)!;
    expect(train.loss).toBeLessThan(0.5 * metrics[0]!.train.loss);
    expect(train.fused).toBeGreaterThan(0.85);
    const branches = entriesOf(train.branches).map(([, share]) => share);
    expect(branches).toHaveLength(2);
    if (heads) expect(Math.min(...branches)).toBeGreaterThan(0.6);
    // Noise can be learnt by heart; of clips that it has not seen, one of ten may be wrong.
    expect((4 * validation!.fused + 6 * test!.fused) / 10).toBeGreaterThan(0.85);

    const { manifest } = dataset;
    const model = await loadModel({ store, spec, manifest, weights: 'last' });
    let right = 0;
    for await (const batch of evaluationBatches({ store, spec, manifest, split: 'test', batchSize: 4 })) {
      const { logits } = model.forward(batch);
      for (const [row, label] of batch.labels.entries()) {
        right += Number(logits[2 * row + label]! > logits[2 * row + 1 - label]!);
      }
    }
    model.dispose();
    expect(right / 6).toBeCloseTo(test!.fused, 10);
  });

  it('stopped within an epoch ends with the weights of an undisturbed one', async () => {
    // A stage of each modality; the optimiser forgets at the beginning of each epoch but the first.
    const spec = tinySpec(dataset, method, method === 'reconboost' ? { ...STAGES, epochs: 4 } : STAGES);
    const [whole, broken] = [await copyOfDataset(dataset), await copyOfDataset(dataset)];
    const expected = await trainSteps(whole, spec);
    // At 5 steps an epoch, those of the trainings that it needs among them.
    await expect(trainSteps(broken, spec, needed * 10 + 7)).rejects.toMatchObject({ kind: 'cancelled' });
    if (method === 'reconboost') {
      // And again where an epoch ends.
      await expect(trainSteps(broken, spec, 3)).rejects.toMatchObject({ kind: 'cancelled' });
    }
    const resumed = await trainSteps(broken, spec);
    expect(resumed.model.sha256).toBe(expected.model.sha256);
    expect(withoutTimes(await metricsOf(broken, spec))).toEqual(withoutTimes(await metricsOf(whole, spec)));
  });
});

describe('a training that needs others', () => {
  it('uses those that are there again, and goes on with one that was stopped', async () => {
    const store = await copyOfDataset(dataset);
    const spec = tinySpec(dataset, 'umt');
    const teacher = await trainSteps(store, tinySpec(dataset, 'unimodal'));
    let reports = 0;
    const count = () => {
      reports += 1;
    };
    await trainModel({ store, spec, report: count, stopRequested: () => false });
    expect(reports).toBe(10);
    expect(withMethod(spec, 'unimodal').trainingId).toBe(teacher.trainingId);

    const other = await copyOfDataset(dataset);
    await expect(trainSteps(other, spec, 4)).rejects.toMatchObject({ kind: 'cancelled' });
    expect(await other.find(storePaths.runConfig(spec.trainingId))).toBeUndefined();
    expect((await trainSteps(other, spec)).model.sha256).toBe((await trainSteps(store, spec)).model.sha256);
  });

  it('shares its teacher with another that is trained beside it, also where the process that trains it is killed', async () => {
    const store = await copyOfDataset(dataset);
    const students = [tinySpec(dataset, 'umt'), tinySpec(dataset, 'g-blending')];
    const [teacher, same] = students.map((spec) => withMethod(spec, 'unimodal').trainingId);
    expect(teacher).toBe(same);
    const claim = storePaths.trainingClaim(teacher!);
    const epochs: number[] = [];
    let killed = false;
    const train = async (spec: TrainingSpec) =>
      await runTraining({
        ...{ storeUri: store.uri, spec },
        onEpoch: ({ epoch }) => {
          epochs.push(epoch);
        },
        onProgress: () => {
          if (killed) return;
          killed = true;
          // Whoever is at the first step of the two students' processes is at the teacher's.
          const { owner } = JSON.parse(readFileSync(fileURLToPath(`${store.uri}/${claim}`), 'utf8')) as {
            readonly owner: string;
          };
          process.kill(Number(owner.split('-')[2]), 'SIGKILL');
        },
      });
    const ends = await Promise.allSettled(students.map(train));
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const results = await Promise.all(students.map(train));
    // Two epochs of each student, of their teacher, and of what the second needs besides; what was killed had ended none.
    expect(epochs.sort()).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
    const other = await copyOfDataset(dataset);
    for (const [i, spec] of students.entries()) {
      const alone = await runTraining({ storeUri: other.uri, spec });
      expect(results[i]!.model.sha256).toBe(alone.model.sha256);
    }
    expect((await store.list('runs')).filter((path) => path.endsWith('claim.json'))).toEqual([]);
  });

  it('cannot be a fine-tuning', async () => {
    const spec = tinySpec(dataset, 'umt');
    const from = { trainingId: spec.trainingId, sha256: 'x' };
    const training = trainSteps(await copyOfDataset(dataset), {
      ...spec,
      fineTune: { from, replayShare: 0.5 },
    });
    await expect(training).rejects.toMatchObject({ kind: 'config' });
  });
});
