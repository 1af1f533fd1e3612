/** Short real trainings by the methods of `methods-2.test.ts`: they learn, and go on after a stop as if there was none. */
import { beforeAll, describe, expect, it } from 'vitest';
import { storePaths } from '../../../../schemas/names.ts';
import { type TrainingSpec, epochMetricsSchema } from '../../../../schemas/training.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import { tf } from '../../../../pipelines/engine/tensorflow.ts';
import { publishTinyDataset, tinySpec, type TinyDataset } from '../tiny-dataset.ts';
import { copyOfDataset, trainSteps } from '../tiny-training.ts';

const CNN = { kind: 'cnn', width: 4 } as const;

let dataset: TinyDataset;
beforeAll(async () => {
  dataset = await publishTinyDataset();
});

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
    ['b-mm', {}],
    ['b-mm', { balance: { rule: 'strong-less', rhoFrom: 'validation', mixed: 'weak', labels: 'share' } }],
    ['b-mm', { balance: { updates: 'first-epoch', labels: 'strong' } }],
    ['b-mm', { balance: { rule: 'independent', mixed: 'strong' } }],
  ] as const)(
    'by %s %j fits them better with time, leaves no tensor behind, and resumes bit for bit',
    async (method, settings) => {
      const spec = tinySpec(dataset, method, { ...settings, epochs: 3, encoder: CNN });
      const [whole, broken] = [await copyOfDataset(dataset), await copyOfDataset(dataset)];
      const tensors: number[] = [];
      const expected = await trainSteps(whole, spec, Infinity, () => tensors.push(tf.memory().numTensors));
      expect(new Set(tensors).size).toBe(1);
      const losses = await lossesOf(whole, spec);
      expect(losses).toHaveLength(3);
      expect(losses[2]).toBeLessThan(losses[0]! * 0.9);
      await expect(trainSteps(broken, spec, 8)).rejects.toMatchObject({ kind: 'cancelled' });
      expect((await trainSteps(broken, spec)).model.sha256).toBe(expected.model.sha256);
    },
  );
});
