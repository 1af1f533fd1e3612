import { afterAll, describe, expect, it } from 'vitest';
import { writeVariables } from '../../../../../pipelines/training/checkpoints/checkpoint.ts';
import { createEncoder, planEncoder } from '../../../../../pipelines/training/model/encoders/index.ts';
import { convolutionNorms } from '../../../../../pipelines/engine/network/plan.ts';
import { Parameters } from '../../../../../pipelines/engine/network/parameters.ts';
import { tf, type Tensor4D } from '../../../../../pipelines/engine/tensorflow.ts';
import type { EncoderConfig } from '../../../../../schemas/config/encoder-config.ts';
import { readGolden, relativeError } from '../../golden/read-golden.ts';

const CASES: readonly [string, string, EncoderConfig, number][] = [
  ['ResNet-18', 'resnet', { depth: 18, width: 2 }, 16],
  ['ResNet-34', 'resnet-34', { depth: 34, width: 2 }, 16],
  ['ResNet-50', 'resnet-50', { depth: 50, width: 2 }, 64],
  ['the small CNN', 'cnn', { kind: 'cnn', width: 2 }, 16],
];

describe.each(CASES)('%s with PyTorch’s random weights', (_name, file, config, featureSize) => {
  const golden = readGolden(file);
  const parameters = new Parameters(0);
  const encoder = createEncoder(parameters, 'rgb', config);
  writeVariables(parameters.all(), golden.under('before'), file);
  const x = golden.tensor('x') as Tensor4D;
  afterAll(() => {
    parameters.dispose();
  });

  it('has PyTorch’s parameters and no others', () => {
    expect([...parameters.all().keys()].sort()).toEqual([...golden.under('before').keys()].sort());
  });

  it('gives its features in testing mode', () => {
    expect(encoder.featureSize).toBe(featureSize);
    expect(relativeError(encoder.encode(x, false), golden.values('eval'))).toBeLessThan(1e-4);
  });

  it('gives its features, gradients and running statistics in training mode', () => {
    let features = new Float32Array();
    const { gradients } = parameters.gradients(() => {
      const z = encoder.encode(x, true);
      features = z.dataSync<'float32'>() as typeof features;
      return tf.sum(tf.mul(z, golden.tensor('direction')));
    });
    expect(relativeError(features, golden.values('train'))).toBeLessThan(1e-4);
    for (const [name, expected] of golden.under('gradient')) {
      // Single precision through dozens of layers, against double.
      expect(relativeError(gradients.get(name)!, expected.values), name).toBeLessThan(5e-4);
    }
    for (const [name, expected] of golden.under('after')) {
      expect(relativeError(parameters.buffers.get(name)!, expected.values), name).toBeLessThan(1e-4);
    }
  });
});

describe('initial weights', () => {
  const filterOf = (seed: number) => {
    const parameters = new Parameters(seed);
    createEncoder(parameters, 'audio', { depth: 18, width: 8 });
    const values = parameters.trainable.get('audio.layer2.1.conv2.weight')!.dataSync<'float32'>();
    parameters.dispose();
    return values;
  };

  it('have the deviation √(2 / fan-out) of He et al.', () => {
    const values = filterOf(0);
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(variance / (2 / (3 * 3 * 16))).toBeGreaterThan(0.9);
    expect(variance / (2 / (3 * 3 * 16))).toBeLessThan(1.1);
  });

  it('follow from the seed', () => {
    expect(filterOf(1)).toEqual(filterOf(1));
    expect(filterOf(2)).not.toEqual(filterOf(1));
  });
});

// torchvision's counts less the classifier of 1,000 classes.
it.each([
  [18, 11_689_512 - 513_000],
  [34, 21_797_672 - 513_000],
  [50, 25_557_032 - 2_049_000],
] as const)(
  'ResNet-%i at width 64 has as many parameters as published, less the classifier',
  (depth, count) => {
    const layers = convolutionNorms(planEncoder('rgb', { depth, width: 64 }));
    const counts = layers.map(({ size, from, to }) => size * size * from * to + 2 * to);
    expect(counts.reduce((sum, each) => sum + each, 0)).toBe(count);
  },
);
