/**
 * Training by WebGPU, on a GPU made of software (Chromium's SwiftShader): Dawn, TensorFlow.js's backend and its shaders are
 * the real ones.
 */
import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { softwareGpu } from '../../../../infra/setup/steps/software-gpu.ts';
import { nodeWithTypeScript } from '../../../../infra/supervisor/supervise.ts';
import { runConfigSchema } from '../../../../schemas/config/config.ts';
import { METHODS, type MethodName } from '../../../../schemas/config/methods.ts';
import { storePaths } from '../../../../schemas/names.ts';
import type { TrainingSpec } from '../../../../schemas/training.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import {
  decodeCheckpoint,
  type Checkpoint,
} from '../../../../pipelines/training/checkpoints/read-checkpoint.ts';
import { runTraining } from '../../../../pipelines/training/run-training.ts';
import { publishTinyDataset, tinySpec, type TinyDataset } from '../../training/tiny-dataset.ts';
import { copyOfDataset, trainSteps } from '../../training/tiny-training.ts';
import type { Job, Outcome } from './train-in-child.ts';

const CHILD = fileURLToPath(new URL('train-in-child.ts', import.meta.url));

/** A software adapter takes a second for each kind of operator, and more for each pixel than a GPU. */
const SMALL = { encoder: { kind: 'cnn', width: 2 }, cropPx: 16, batchSize: 6 };
/** SGD's first momentum is the gradient. */
const ONE_STEP = {
  ...SMALL,
  epochs: 1,
  optimizer: { name: 'sgd', learningRate: 0.01 },
  opm: { startEpoch: 0, executeShare: 1 },
  reconBoost: { boostEpochs: 1, rectifyEpochs: 0 },
};
/** Of them the models are needed by others. */
const needed: readonly MethodName[] = ['unimodal', 'joint'];
const STOPPED_AFTER = 3;
/** Compiling for a software adapter takes minutes where others compute too. */
const PREPARATION_MS = 600_000;

let dataset: TinyDataset;
const NAMES = ['cpu', 'webgpu', 'whole', 'stopped', 'toCpu', 'fromCpu'] as const;
const stores = {} as Record<(typeof NAMES)[number], Store>;
let whole: TrainingSpec;
let outcome: Outcome;

/** By the engine `webgpu`, one after the other in one process. */
async function trainByWebgpu(jobs: readonly Job[]): Promise<Outcome> {
  const { program, args } = nodeWithTypeScript();
  const { stdout } = await execa(program, [...args, CHILD, JSON.stringify(jobs)], {
    env: { MODALMIX_ENGINE: 'webgpu', VK_DRIVER_FILES: softwareGpu() },
  });
  return JSON.parse(stdout) as Outcome;
}

async function checkpointOf(store: Store, spec: TrainingSpec, step: number): Promise<Checkpoint> {
  const path = storePaths.checkpoint(spec.trainingId, step);
  return decodeCheckpoint(await store.get(path), spec.trainingId, path);
}

/** ReconBoost has an epoch for each modality, and is stopped in the first. */
const oneStep = (method: MethodName) =>
  tinySpec(dataset, method, { ...ONE_STEP, epochs: method === 'reconboost' ? 2 : 1 });

beforeAll(async () => {
  dataset = await publishTinyDataset();
  for (const name of NAMES) stores[name] = await copyOfDataset(dataset);
  // What other methods need is trained once, and read by both engines.
  for (const method of needed) {
    await trainSteps(stores.cpu, oneStep(method));
    for (const path of await stores.cpu.list('runs')) {
      await stores.webgpu.put(path, await stores.cpu.get(path));
    }
  }
  whole = tinySpec(dataset, 'b-mm', { ...SMALL, epochs: 3 });
  await expect(trainSteps(stores.fromCpu, whole, 8)).rejects.toMatchObject({ kind: 'cancelled' });
  const uri = (name: keyof typeof stores) => stores[name].uri;
  outcome = await trainByWebgpu([
    ...METHODS.filter((method) => !needed.includes(method)).map((method) => ({
      storeUri: uri('webgpu'),
      spec: oneStep(method),
      steps: 1,
    })),
    { storeUri: uri('toCpu'), spec: whole, steps: STOPPED_AFTER },
    { storeUri: uri('fromCpu'), spec: whole },
    { storeUri: uri('stopped'), spec: whole, steps: STOPPED_AFTER },
    { storeUri: uri('stopped'), spec: whole },
    { storeUri: uri('whole'), spec: whole },
  ]);
}, PREPARATION_MS);

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('a step by WebGPU', () => {
  it.each(METHODS.filter((method) => !needed.includes(method)))('of %s is the CPU’s', async (method) => {
    const spec = oneStep(method);
    await expect(trainSteps(stores.cpu, spec, 1)).rejects.toMatchObject({ kind: 'cancelled' });
    const expected = await checkpointOf(stores.cpu, spec, 1);
    const actual = await checkpointOf(stores.webgpu, spec, 1);
    expect(actual.state.sums.lossSum).toBeCloseTo(expected.state.sums.lossSum, 4);
    for (const part of ['optimizer', 'model'] as const) {
      expect([...actual[part].keys()]).toEqual([...expected[part].keys()]);
      for (const [name, { shape, values }] of expected[part]) {
        expect(actual[part].get(name)!.shape, name).toEqual(shape);
        expect(distance(actual[part].get(name)!.values, values), name).toBeLessThan(1e-3);
      }
    }
  });
});

describe('a training by WebGPU', () => {
  it('learns, keeps its tensors few, and names its adapter as software', async () => {
    const result = await runTraining({ storeUri: stores.whole.uri, spec: whole });
    const lines = (await stores.whole.get(storePaths.metrics(whole.trainingId)))
      .toString()
      .trim()
      .split('\n');
    const losses = lines.map((line) => (JSON.parse(line) as { train: { loss: number } }).train.loss);
    expect(losses).toHaveLength(3);
    expect(losses[2]!).toBeLessThan(0.9 * losses[0]!);
    const counts = outcome.tensors.at(-1)!;
    expect(counts).toEqual(Array(result.steps).fill(counts[0]));
    expect(result.environment).toMatchObject({ engine: 'webgpu', device: outcome.device });
    expect(outcome.device).toContain('software, not a GPU');
  });

  it('that was stopped ends with the weights of an undisturbed one', async () => {
    const [stopped, undisturbed] = await Promise.all(
      [stores.stopped, stores.whole].map(async ({ uri }) => runTraining({ storeUri: uri, spec: whole })),
    );
    expect(stopped!.model.sha256).toBe(undisturbed!.model.sha256);
  });

  it('goes on by the CPU, and the CPU’s by WebGPU, to the same end up to rounding', async () => {
    const cpu = await copyOfDataset(dataset);
    const expected = await trainSteps(cpu, whole);
    const byCpu = await trainSteps(stores.toCpu, whole);
    // It is done: asking for another engine does not make it another training.
    const asked = tinySpec(dataset, 'b-mm', { ...SMALL, epochs: 3, engine: 'webgpu' });
    const byWebgpu = await runTraining({ storeUri: stores.fromCpu.uri, spec: asked });
    expect([byCpu, byWebgpu].map(({ environment }) => environment.engine)).toEqual(['cpu', 'webgpu']);
    for (const { last } of [byCpu, byWebgpu]) {
      expect(Math.abs(last.train.loss / expected.last.train.loss - 1)).toBeLessThan(0.01);
    }
  });
});

describe('what WebGPU cannot do is refused', () => {
  it('to train without an adapter: the error says what was looked for', async () => {
    vi.stubEnv('VK_DRIVER_FILES', '/nowhere/none_icd.json');
    const store = await copyOfDataset(dataset);
    const training = runTraining({
      storeUri: store.uri,
      spec: tinySpec(dataset, 'mm', { engine: 'webgpu' }),
    });
    await expect(training).rejects.toMatchObject({
      kind: 'dependency',
      message: expect.stringMatching(/no WebGPU adapter was found.*none_icd\.json/u) as string,
      fix: expect.stringContaining('mesa-vulkan-drivers') as string,
    });
  });

  it('bfloat16', () => {
    const config = {
      name: 'refused',
      dataset: { format: 'digits', root: 'clips' },
      training: { precision: 'bfloat16', engine: 'webgpu' },
    };
    const { error } = runConfigSchema.safeParse(config);
    expect(error?.issues).toMatchObject([
      { path: ['training', 'precision'], message: expect.stringContaining('float32 only') as string },
    ]);
  });
});

/** The largest difference, of the largest number. */
function distance(actual: Float32Array, expected: Float32Array): number {
  const largest = (values: Float32Array) =>
    values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const apart = largest(expected.map((value, at) => value - actual[at]!));
  return apart / Math.max(1e-6, largest(expected));
}
