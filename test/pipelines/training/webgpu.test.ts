/**
 * Training by WebGPU against training by TensorFlow. Without a GPU it runs on SwiftShader, Chromium's Vulkan driver for
 * processors.
 */
import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { decodeSafetensors } from '../../../pipelines/training/safetensors.ts';
import { runTraining } from '../../../pipelines/training/run-training.ts';
import { storePaths } from '../../../schemas/names.ts';
import { publishTinyDataset, tinySpec, type TinyDataset } from './tiny-dataset.ts';
import { copyOfDataset } from './tiny-training.ts';

const SWIFTSHADER = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'].map(
  (folder) => `${folder}/vk_swiftshader_icd.json`,
);
/** Two epochs of the tiny dataset. */
const STEPS = 10;

let dataset: TinyDataset;
beforeAll(async () => {
  const driver = SWIFTSHADER.find((path) => existsSync(path));
  // The same driver on every machine.
  if (driver !== undefined) vi.stubEnv('VK_ICD_FILENAMES', driver);
  dataset = await publishTinyDataset();
  return () => {
    vi.unstubAllEnvs();
  };
});

async function train(method: 'b-mm' | 'ogm-ge', changes: Record<string, unknown>) {
  const store = await copyOfDataset(dataset);
  const optimizer = { name: 'sgd', learningRate: 0.01 };
  const spec = tinySpec(dataset, method, { threads: 1, optimizer, ...changes });
  const result = await runTraining({ storeUri: store.uri, spec });
  const weights = decodeSafetensors(await store.get(storePaths.model(spec.trainingId)), 'model');
  return { result, weights: weights.tensors };
}

describe('training by WebGPU', () => {
  it.each([
    ['b-mm', { encoder: { width: 2 } }],
    ['ogm-ge', { encoder: { kind: 'cnn' } }],
  ] as const)('with %s ends with the weights that TensorFlow ends with', async (method, changes) => {
    const [expected, found] = [
      await train(method, changes),
      await train(method, { ...changes, engine: 'webgpu' }),
    ];

    expect(found.result.environment).toMatchObject({ engine: 'webgpu', device: expect.stringMatching(/.+/) });
    expect(found.result.steps).toBe(STEPS);
    expect(found.result.last.loss).toBeCloseTo(expected.result.last.loss, 3);
    expect([...found.weights.keys()]).toEqual([...expected.weights.keys()]);
    for (const [name, { shape, values }] of expected.weights) {
      const other = found.weights.get(name)!;
      expect(other.shape).toEqual(shape);
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
      const apart = values.reduce((most, value, i) => Math.max(most, Math.abs(value - other.values[i]!)), 0);
      expect(apart / largest, name).toBeLessThan(1e-3);
    }
  });
});
