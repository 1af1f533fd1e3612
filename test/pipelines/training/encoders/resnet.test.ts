import { afterAll, describe, expect, it } from 'vitest';
import { writeVariables } from '../../../../pipelines/training/checkpoint.ts';
import { createResNet } from '../../../../pipelines/training/encoders/resnet.ts';
import { Parameters } from '../../../../pipelines/training/parameters.ts';
import { tf, type Tensor4D } from '../../../../pipelines/training/tensorflow.ts';
import { readGolden, relativeError } from '../golden/read-golden.ts';

describe('ResNet-18 with PyTorch’s random weights', () => {
  const golden = readGolden('resnet');
  const parameters = new Parameters(0);
  const encoder = createResNet(parameters, 'rgb', { depth: 18, width: 2, channels: 3 });
  writeVariables(parameters.all(), golden.under('before'), 'resnet.safetensors');
  const x = golden.tensor('x') as Tensor4D;
  afterAll(() => {
    parameters.dispose();
  });

  it('has PyTorch’s parameters and no others', () => {
    expect([...parameters.all().keys()].sort()).toEqual([...golden.under('before').keys()].sort());
  });

  it('gives its features in testing mode', () => {
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
      expect(relativeError(gradients.get(name)!, expected.values), name).toBeLessThan(1e-4);
    }
    for (const [name, expected] of golden.under('after')) {
      expect(relativeError(parameters.buffers.get(name)!, expected.values), name).toBeLessThan(1e-4);
    }
  });
});

describe('initial weights', () => {
  const filterOf = (seed: number) => {
    const parameters = new Parameters(seed);
    createResNet(parameters, 'audio', { depth: 18, width: 8, channels: 1 });
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

it('at width 64 has as many parameters as published, less the classifier', () => {
  const parameters = new Parameters(0);
  createResNet(parameters, 'rgb', { depth: 18, width: 64, channels: 3 });
  expect(parameters.count()).toBe(11_176_512);
  parameters.dispose();
});
