import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../../../pipelines/config/load-config.ts';
import { createEncoder, planEncoder } from '../../../../pipelines/training/model/encoders/index.ts';
import { convolutionNorms } from '../../../../pipelines/engine/network/plan.ts';
import { Parameters } from '../../../../pipelines/engine/network/parameters.ts';
import { writePretrainedWeights } from '../../../../pipelines/training/weights/pretrained-weights.ts';
import {
  encodeSafetensors,
  type StoredTensor,
} from '../../../../pipelines/training/checkpoints/safetensors.ts';
import { tf, type Tensor2D, type Tensor4D } from '../../../../pipelines/engine/tensorflow.ts';
import { trainingSpecs } from '../../../../pipelines/training/training-spec.ts';
import { trainingConfigSchema } from '../../../../schemas/config/training-config.ts';
import type { ResNetDepth } from '../../../../schemas/config/encoder-config.ts';
import type { Modality } from '../../../../schemas/modality.ts';
import { readGolden, relativeError } from '../golden/read-golden.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-pretrained-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Uniform in −1…1, as `make_torchvision_golden.py` computes it. */
function uniform(name: string, count: number): Float64Array {
  let seed = 2_166_136_261;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 16_777_619) >>> 0;
  const values = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    let h = (Math.imul(i, 2_654_435_769) + seed) | 0;
    h ^= h >>> 16;
    h = Math.imul(h, 0x85ebca6b);
    h ^= h >>> 13;
    h = Math.imul(h, 0xc2b2ae35);
    h ^= h >>> 16;
    values[i] = (h >>> 0) / 2 ** 31 - 1;
  }
  return values;
}

function tensorOf(name: string, shape: readonly number[]): StoredTensor {
  const u = uniform(
    name,
    shape.reduce((product, axis) => product * axis, 1),
  );
  const [filters, , height, width] = shape;
  const scale = (value: number) => {
    if (shape.length === 4) return value * Math.sqrt(6 / (filters! * height! * width!));
    if (name.startsWith('fc.')) return value / 16;
    if (name.endsWith('running_var')) return 1 + 0.5 * value;
    return name.endsWith('weight') ? 0.5 + 0.25 * value : 0.2 * value;
  };
  return { shape, values: Float32Array.from(u, scale) };
}

/** A state dict in torchvision's names and layouts, for pictures of three channels. */
function stateDict(depth: ResNetDepth, width: number): Map<string, StoredTensor> {
  const state = new Map<string, StoredTensor>();
  const put = (name: string, shape: readonly number[]) => state.set(name, tensorOf(name, shape));
  const plan = planEncoder('rgb', { depth, width });
  for (const { convolution, norm, size, from, to } of convolutionNorms(plan)) {
    put(`${convolution}.weight`, [to, from, size, size]);
    for (const part of ['weight', 'bias', 'running_mean', 'running_var']) put(`${norm}.${part}`, [to]);
  }
  put('fc.weight', [1000, plan.featureSize]);
  put('fc.bias', [1000]);
  return state;
}

async function fileOf(name: string, tensors: ReadonlyMap<string, StoredTensor>) {
  const bytes = encodeSafetensors({ tensors, metadata: {} });
  const file = join(folder, name);
  await writeFile(file, bytes);
  return { file, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Loads the weights into a fresh encoder of one modality and gives its features of the pictures. */
async function featuresOf(
  modality: Modality,
  encoder: { depth: ResNetDepth; width: number; pretrained: object },
  x: Tensor4D,
): Promise<Tensor2D> {
  const training = trainingConfigSchema.parse({ encoder });
  const parameters = new Parameters(0);
  const network = createEncoder(parameters, modality, training.encoder);
  try {
    await writePretrainedWeights({ training, modalities: [modality] }, parameters.all());
    return network.encode(x, false);
  } finally {
    parameters.dispose();
  }
}

/** [2, 72, 64, C], of the channels named. */
function pictures(channels: readonly number[]): Tensor4D {
  return tf.tidy(() => {
    const values = Float32Array.from(uniform('x', 2 * 3 * 72 * 64));
    const x = tf.transpose(tf.tensor4d(values, [2, 3, 72, 64]), [0, 2, 3, 1]);
    return tf.gather(x, tf.tensor1d([...channels], 'int32'), 3);
  });
}

const FULL_WIDTH_TIMEOUT_MS = 180_000;

it.each([
  ['resnet18', 18],
  ['resnet50', 50],
] as const)(
  'torchvision’s weights of %s give torchvision’s logits',
  async (name, depth) => {
    const state = stateDict(depth, 64);
    const pretrained = { rgb: await fileOf(`${name}.safetensors`, state) };
    const features = await featuresOf('rgb', { depth, width: 64, pretrained }, pictures([0, 1, 2]));
    const weight = tf.tensor2d(state.get('fc.weight')!.values, [1000, features.shape[1]]);
    const bias = tf.tensor1d(state.get('fc.bias')!.values);
    const logits = tf.add(tf.matMul(features, weight, false, true), bias);
    const expected = readGolden('torchvision').values(`${name}/logits`);
    expect(relativeError(logits, expected)).toBeLessThan(1e-4);
  },
  FULL_WIDTH_TIMEOUT_MS,
);

it.each([
  ['audio', [0]],
  ['flow', [0, 0]],
] as const)(
  'the channels of %s are answered as the same grey picture in three',
  async (modality, channels) => {
    const weights = await fileOf('grey-picture.safetensors', stateDict(18, 4));
    const encoderOf = (of: Modality) => ({ depth: 18 as const, width: 4, pretrained: { [of]: weights } });
    const features = await featuresOf(modality, encoderOf(modality), pictures(channels));
    const expected = await featuresOf('rgb', encoderOf('rgb'), pictures([0, 0, 0]));
    expect(relativeError(features, expected.dataSync<'float32'>())).toBeLessThan(1e-5);
  },
);

describe('weights that do not fit are refused', () => {
  const x = tf.tensor4d(new Float32Array(32 * 32 * 3), [1, 32, 32, 3]);
  const load = async (name: string, change: (state: Map<string, StoredTensor>) => void, options = {}) => {
    const state = stateDict(18, 2);
    change(state);
    const pretrained = { rgb: { ...(await fileOf(name, state)), ...options } };
    return await featuresOf('rgb', { depth: 18, width: 2, pretrained }, x);
  };

  it('when a tensor is missing, with its name and file', async () => {
    const loading = load('missing.safetensors', (state) => state.delete('layer2.0.downsample.0.weight'));
    await expect(loading).rejects.toMatchObject({
      kind: 'input',
      message: '"layer2.0.downsample.0.weight" should be [4, 2, 1, 1] and is not there',
      where: join(folder, 'missing.safetensors'),
    });
  });

  it('when a tensor has another shape, with both', async () => {
    const loading = load('shape.safetensors', (state) =>
      state.set('layer1.0.bn1.weight', tensorOf('x', [3])),
    );
    await expect(loading).rejects.toMatchObject({
      kind: 'input',
      message: '"layer1.0.bn1.weight" should be [2] and is [3]',
    });
  });

  it('when the first convolution takes other channels and the config wants that refused', async () => {
    const grey = (state: Map<string, StoredTensor>) => state.set('conv1.weight', tensorOf('c', [2, 1, 7, 7]));
    await expect(load('grey.safetensors', grey, { otherChannels: 'refuse' })).rejects.toMatchObject({
      kind: 'config',
      message: '"conv1.weight" takes 1 channels, and rgb has 3',
    });
  });

  it('when the file is another one than when the run began', async () => {
    const other = { sha256: 'f'.repeat(64) };
    await expect(load('other.safetensors', () => undefined, other)).rejects.toMatchObject({
      kind: 'input',
      message: expect.stringContaining(`should be ${other.sha256}`) as string,
    });
  });

  it('when they are for a modality that is not trained', async () => {
    const pretrained = { audio: await fileOf('audio.safetensors', stateDict(18, 2)) };
    await expect(featuresOf('rgb', { depth: 18, width: 2, pretrained }, x)).rejects.toMatchObject({
      kind: 'config',
      where: 'training.encoder.pretrained.audio',
    });
  });
});

describe('a config that names pretrained weights', () => {
  const configOf = (file: string) =>
    parseConfig(
      `name: a\ndataset: { format: digits, root: d }\ntraining: { encoder: { pretrained: { rgb: { file: ${file} } } } }`,
      join(folder, 'run.yaml'),
    );
  const idOf = (file: string) => trainingSpecs(configOf(file), { name: 'a', version: 'v' })[0]!.trainingId;

  it('ties the training to what is in the file, not to where it lies', async () => {
    await writeFile(join(folder, 'one'), 'weights');
    await writeFile(join(folder, 'copy'), 'weights');
    await writeFile(join(folder, 'two'), 'other weights');
    expect(configOf('one').training.encoder).toMatchObject({
      pretrained: {
        rgb: { file: join(folder, 'one'), sha256: createHash('sha256').update('weights').digest('hex') },
      },
    });
    expect(idOf('copy')).toBe(idOf('one'));
    expect(idOf('two')).not.toBe(idOf('one'));
  });

  it('is refused when the file is not there', () => {
    expect(() => configOf('nowhere')).toThrow('training.encoder.pretrained.rgb.file cannot be read');
  });
});
