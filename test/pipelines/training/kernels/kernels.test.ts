import { describe, expect, it } from 'vitest';
import {
  BATCH_NORM_EPSILON,
  batchNormInference,
  batchNormTraining,
  type BatchNormStatistics,
} from '../../../../pipelines/training/kernels/batch-norm.ts';
import { convolution } from '../../../../pipelines/training/kernels/convolution.ts';
import { gaussian } from '../../../../pipelines/training/kernels/gaussian.ts';
import { maxPool } from '../../../../pipelines/training/kernels/max-pool.ts';
import { relu } from '../../../../pipelines/training/kernels/relu.ts';
import { tf, type Tensor, type Tensor1D, type Tensor4D } from '../../../../pipelines/training/tensorflow.ts';
import { randomGenerator } from '../../../../pipelines/random/generator.ts';
import { readGolden, relativeError } from '../golden/read-golden.ts';

const golden = readGolden('kernels');
const x = golden.tensor('x') as Tensor4D;

/** The value of `f` and its gradients for the golden direction, by our kernels or by plain tfjs. */
function differentiate(f: (...inputs: Tensor[]) => Tensor, inputs: Tensor[], dy: Tensor) {
  return { y: f(...inputs), gradients: tf.grads(f)(inputs, dy) };
}

describe('convolution', () => {
  it.each([
    ['7x7', 2, 3],
    ['3x3', 2, 1],
    ['same', 1, 1],
    ['1x1', 2, 0],
  ])('%s equals PyTorch and plain tfjs, forward and backward', (name, stride, pad) => {
    const w = golden.tensor(`${name}/w`) as Tensor4D;
    const dy = golden.tensor(`${name}/dy`);
    const ours = differentiate(
      (a, b) => convolution(a as Tensor4D, b as Tensor4D, { stride, pad }),
      [x, w],
      dy,
    );
    const sides: [number, number] = [pad, pad];
    const plain = differentiate(
      (a, b) =>
        tf.conv2d(tf.pad(a as Tensor4D, [[0, 0], sides, sides, [0, 0]]), b as Tensor4D, stride, 'valid'),
      [x, w],
      dy,
    );
    expect(relativeError(ours.y, golden.values(`${name}/y`))).toBeLessThan(1e-5);
    expect(relativeError(ours.gradients[0]!, golden.values(`${name}/gx`))).toBeLessThan(1e-5);
    expect(relativeError(ours.gradients[1]!, golden.values(`${name}/gw`))).toBeLessThan(1e-5);
    expect(relativeError(ours.y, plain.y.dataSync())).toBeLessThan(1e-5);
    expect(relativeError(ours.gradients[0]!, plain.gradients[0]!.dataSync())).toBeLessThan(1e-5);
    expect(relativeError(ours.gradients[1]!, plain.gradients[1]!.dataSync())).toBeLessThan(1e-5);
  });

  it('gives the same filter gradient when the images need none', () => {
    const w = golden.tensor('7x7/w') as Tensor4D;
    const options = { stride: 2, pad: 3, inputGradient: false };
    const f = (filter: Tensor) => convolution(x, filter as Tensor4D, options);
    const gradient = tf.grad(f)(w, golden.tensor('7x7/dy'));
    expect(relativeError(gradient, golden.values('7x7/gw'))).toBeLessThan(1e-5);
  });
});

describe('max pooling', () => {
  it('equals PyTorch and plain tfjs with −∞ around, also where all inputs are negative', () => {
    const options = { size: 3, stride: 2, pad: 1 };
    const ours = differentiate((a) => maxPool(a as Tensor4D, options), [x], golden.tensor('pool/dy'));
    expect(relativeError(ours.y, golden.values('pool/y'))).toBeLessThan(1e-6);
    expect(relativeError(ours.gradients[0]!, golden.values('pool/gx'))).toBeLessThan(1e-6);
    const padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], -1e30); // prettier-ignore
    expect(relativeError(ours.y, tf.maxPool(padded, 3, 2, 'valid').dataSync())).toBe(0);
    const negative = maxPool(tf.fill([1, 4, 4, 1], -2), options);
    expect([...negative.dataSync()]).toEqual([-2, -2, -2, -2]);
  });
});

describe('relu', () => {
  it('equals PyTorch and plain tfjs', () => {
    const dy = golden.tensor('relu/dy');
    const ours = differentiate((a) => relu(a), [x], dy);
    const plain = differentiate((a) => tf.relu(a), [x], dy);
    expect(relativeError(ours.y, golden.values('relu/y'))).toBe(0);
    expect(relativeError(ours.gradients[0]!, golden.values('relu/gx'))).toBe(0);
    expect(relativeError(ours.gradients[0]!, plain.gradients[0]!.dataSync())).toBe(0);
  });
});

describe('batch normalisation', () => {
  const scale = golden.tensor('norm/weight') as Tensor1D;
  const offset = golden.tensor('norm/bias') as Tensor1D;
  const running = {
    mean: golden.tensor('norm/running_mean'),
    variance: golden.tensor('norm/running_var'),
  } as BatchNormStatistics;

  it('by the batch equals PyTorch and plain tfjs, forward and backward', () => {
    const dy = golden.tensor('norm/dy');
    const ours = differentiate(
      (a, b, c) => batchNormTraining(a as Tensor4D, b as Tensor1D, c as Tensor1D, running, () => undefined),
      [x, scale, offset],
      dy,
    );
    const plain = differentiate(
      (a, b, c) => {
        const { mean, variance } = tf.moments(a, [0, 1, 2]);
        return tf.add(tf.mul(tf.div(tf.sub(a, mean), tf.sqrt(tf.add(variance, BATCH_NORM_EPSILON))), b), c);
      },
      [x, scale, offset],
      dy,
    );
    expect(relativeError(ours.y, golden.values('norm/y'))).toBeLessThan(1e-5);
    for (const [place, name] of ['gx', 'gs', 'gb'].entries()) {
      expect(relativeError(ours.gradients[place]!, golden.values(`norm/${name}`))).toBeLessThan(1e-5);
      expect(relativeError(ours.gradients[place]!, plain.gradients[place]!.dataSync())).toBeLessThan(1e-5);
    }
  });

  it('moves the running statistics as PyTorch does, the variance unbiased', () => {
    let moved: Float32Array[] = [];
    tf.tidy(() => {
      batchNormTraining(x, scale, offset, running, ({ mean, variance }) => {
        moved = [mean.dataSync<'float32'>(), variance.dataSync<'float32'>()];
      });
    });
    expect(relativeError(moved[0]!, golden.values('norm/mean_after'))).toBeLessThan(1e-6);
    expect(relativeError(moved[1]!, golden.values('norm/var_after'))).toBeLessThan(1e-6);
  });

  it('by the running statistics equals PyTorch', () => {
    const y = batchNormInference(x, scale, offset, running);
    expect(relativeError(y, golden.values('norm/eval'))).toBeLessThan(1e-5);
  });
});

describe('gaussian', () => {
  it('is standard normal, the same for the same seed, another for another', () => {
    const draw = (seed: number) => gaussian([200, 100], randomGenerator(seed, 'test'));
    const { mean, variance } = tf.moments(draw(1));
    expect(Math.abs(mean.dataSync()[0]!)).toBeLessThan(0.03);
    expect(Math.abs(variance.dataSync()[0]! - 1)).toBeLessThan(0.05);
    expect(relativeError(draw(1), draw(1).dataSync())).toBe(0);
    expect(relativeError(draw(2), draw(1).dataSync())).toBeGreaterThan(0.1);
  });
});
