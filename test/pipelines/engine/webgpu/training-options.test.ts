/** The options of training by WebGPU, on a GPU made of software: one update against the CPU's, and going on. */
import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { softwareGpu } from '../../../../infra/setup/steps/software-gpu.ts';
import { nodeWithTypeScript } from '../../../../infra/supervisor/supervise.ts';
import { storePaths } from '../../../../schemas/names.ts';
import type { TrainingSpec } from '../../../../schemas/training.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import {
  decodeCheckpoint,
  type Checkpoint,
} from '../../../../pipelines/training/checkpoints/read-checkpoint.ts';
import { relativeError } from '../../training/golden/read-golden.ts';
import { publishTinyDataset, tinySpec } from '../../training/tiny-dataset.ts';
import { copyOfDataset, trainSteps } from '../../training/tiny-training.ts';
import type { Job, Outcome } from './train-in-child.ts';

const CHILD = fileURLToPath(new URL('train-in-child.ts', import.meta.url));
const PREPARATION_MS = 600_000;
/** 4 batches, so 2 updates. */
const OPTIONS = {
  ...{ encoder: { kind: 'cnn', width: 2 }, cropPx: 16, batchSize: 6, epochs: 1 },
  ...{ clipNorm: 0.5, accumulateSteps: 2, labelSmoothing: 0.1, classWeights: [1, 2], freeze: ['audio'] },
  ...{ ema: { decay: 0.5 }, decayNorms: false, encoderLearningRateScale: 0.5 },
  schedule: { name: 'constant', warmupSteps: 2 },
  optimizer: { name: 'sgd', learningRate: 0.05, weightDecay: 0.1 },
};

let spec: TrainingSpec;
let outcome: Outcome;
const stores = {} as Record<'cpu' | 'whole' | 'stopped', Store>;

async function checkpointOf(store: Store, step: number): Promise<Checkpoint> {
  const path = storePaths.checkpoint(spec.trainingId, step);
  return decodeCheckpoint(await store.get(path), spec.trainingId, path);
}

beforeAll(async () => {
  const dataset = await publishTinyDataset();
  spec = tinySpec(dataset, 'mm', OPTIONS);
  for (const name of ['cpu', 'whole', 'stopped'] as const) stores[name] = await copyOfDataset(dataset);
  await expect(trainSteps(stores.cpu, spec, 1)).rejects.toMatchObject({ kind: 'cancelled' });
  const jobs: Job[] = [
    { storeUri: stores.stopped.uri, spec, steps: 1 },
    { storeUri: stores.stopped.uri, spec },
    { storeUri: stores.whole.uri, spec },
  ];
  const { program, args } = nodeWithTypeScript();
  const { stdout } = await execa(program, [...args, CHILD, JSON.stringify(jobs)], {
    env: { MODALMIX_ENGINE: 'webgpu', VK_DRIVER_FILES: softwareGpu() },
  });
  outcome = JSON.parse(stdout) as Outcome;
}, PREPARATION_MS);

describe('an update by WebGPU with the options of training', () => {
  it('is the CPU’s: gradients, trained weights and averaged ones', async () => {
    const [expected, actual] = [await checkpointOf(stores.cpu, 1), await checkpointOf(stores.stopped, 1)];
    expect(actual.state.sums.lossSum).toBeCloseTo(expected.state.sums.lossSum, 4);
    for (const part of ['optimizer', 'trained', 'model'] as const) {
      expect([...actual[part].keys()]).toEqual([...expected[part].keys()]);
      for (const [name, { values }] of expected[part]) {
        const other = actual[part].get(name)!.values;
        // Of a frozen encoder nothing was ever added to the momentum.
        if (values.every((value) => value === 0)) expect(other, name).toEqual(values);
        else expect(relativeError(other, values), name).toBeLessThan(1e-3);
      }
    }
    expect(expected.optimizer.get('momentum/rgb.conv1.weight')!.values.some((value) => value !== 0)).toBe(
      true,
    );
  });

  it('stopped after it and started again ends with the weights of an undisturbed training', async () => {
    const [a, b] = [stores.stopped, stores.whole].map(async (store) =>
      store.get(storePaths.model(spec.trainingId)),
    );
    expect((await a!).equals(await b!)).toBe(true);
    const counts = outcome.tensors.at(-1)!;
    expect(counts).toEqual(Array(2).fill(counts[0]));
  });
});
