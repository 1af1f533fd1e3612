/** Short real trainings by the methods of `methods-2.test.ts`: they learn, and go on after a stop as if there was none. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { storePaths } from '../../../../schemas/names.ts';
import type { TrainingResult, TrainingSpec } from '../../../../schemas/training.ts';
import { epochMetricsSchema } from '../../../../schemas/training.ts';
import { openStore, type Store } from '../../../../pipelines/store/store.ts';
import { tf } from '../../../../pipelines/training/tensorflow.ts';
import { trainModel } from '../../../../pipelines/training/train-model.ts';
import { newFolder } from '../../shards/fixtures.ts';
import { publishTinyDataset, tinySpec, type TinyDataset } from '../tiny-dataset.ts';

const CNN = { kind: 'cnn', width: 4 } as const;

let dataset: TinyDataset;
beforeAll(async () => {
  dataset = await publishTinyDataset();
});

async function copyOfDataset(): Promise<Store> {
  const copy = openStore(`file:${join(newFolder(), 'store')}`);
  for (const path of await dataset.store.list('datasets'))
    await copy.put(path, await dataset.store.get(path));
  return copy;
}

async function train(
  store: Store,
  spec: TrainingSpec,
  steps = Infinity,
  onStep?: () => void,
): Promise<TrainingResult> {
  let taken = 0;
  return await trainModel({
    store,
    spec,
    report: () => {
      taken += 1;
      onStep?.();
    },
    stopRequested: () => taken >= steps,
  });
}

async function lossesOf(store: Store, spec: TrainingSpec): Promise<number[]> {
  const lines = (await store.get(storePaths.metrics(spec.trainingId))).toString().trim().split('\n');
  return lines.map((line) => epochMetricsSchema.parse(JSON.parse(line)).train.loss);
}

describe('a training on clips of which some lack their picture', () => {
  it.each([
    ['ogm', {}],
    ['input-mixup', {}],
    ['manifold-mixup', {}],
    ['opm', { opm: { startEpoch: 0 } }],
    ['mmcosine', {}],
    ['lfm', {}],
    ['cml', {}],
    ['b-mm', { balance: { rhoFrom: 'validation', mixed: 'weak', labels: 'share' } }],
    ['b-mm', { balance: { rule: 'fixed', labels: 'strong' } }],
    ['b-mm', { balance: { rule: 'independent', mixed: 'strong' } }],
  ] as const)(
    'by %s %j fits them better with time, leaves no tensor behind, and resumes bit for bit',
    async (method, settings) => {
      const spec = tinySpec(dataset, method, { ...settings, epochs: 3, encoder: CNN });
      const [whole, broken] = [await copyOfDataset(), await copyOfDataset()];
      const tensors: number[] = [];
      const expected = await train(whole, spec, Infinity, () => tensors.push(tf.memory().numTensors));
      expect(new Set(tensors).size).toBe(1);
      const losses = await lossesOf(whole, spec);
      expect(losses).toHaveLength(3);
      expect(losses[2]).toBeLessThan(losses[0]! * 0.9);
      await expect(train(broken, spec, 8)).rejects.toMatchObject({ kind: 'cancelled' });
      expect((await train(broken, spec)).model.sha256).toBe(expected.model.sha256);
    },
  );
});
