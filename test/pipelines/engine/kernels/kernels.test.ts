import { describe, expect, it } from 'vitest';
import {
  BATCH_NORM_EPSILON,
  batchNormInference,
  batchNormTraining,
  type BatchNormStatistics,
} from '../../../../pipelines/engine/kernels/batch-norm.ts';
import { convolution } from '../../../../pipelines/engine/kernels/convolution.ts';
import { gaussian, withNoise } from '../../../../pipelines/engine/kernels/gaussian.ts';
import { maxPool } from '../../../../pipelines/engine/kernels/max-pool.ts';
import { relu } from '../../../../pipelines/engine/kernels/relu.ts';
import { tf, type Tensor, type Tensor1D, type Tensor4D } from '../../../../pipelines/engine/tensorflow.ts';
import { randomGenerator } from '../../../../pipelines/random/generator.ts';
import { philox4x32 } from '../../../../pipelines/random/philox.ts';
import { nativeKernels } from '../../../../pipelines/engine/kernels/native.ts';
import { readGolden, relativeError } from '../../training/golden/read-golden.ts';

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

  // 1,003 numbers end within a group and within eight.
  it.each([true, false])('is Box and Muller’s transform of the generator’s own words; fused: %s', (fused) => {
    expect(nativeKernels()).toBe(true);
    const random = () => randomGenerator(5, 'test', 2, 3);
    const actual = gaussian([17, 59], random(), fused).dataSync();
    const { key, counter } = random().stream();
    const expected = Array.from(actual, (_, at) => {
      const [group, place] = [Math.floor(at / 32), Math.floor((at % 32) / 8)];
      const block = philox4x32([8 * group + (at % 8), counter[1], counter[2], counter[3]], key);
      const [first, second] = place < 2 ? block : block.slice(2);
      const radius = Math.sqrt(-2 * Math.log(((first! & 0x7fffffff) + 0.5) / 2 ** 31));
      const angle = (2 * Math.PI * second!) / 2 ** 32;
      return radius * (place % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
    });
    expect(actual).toHaveLength(1_003);
    const worst = Math.max(...expected.map((value, at) => Math.abs(value - actual[at]!)));
    expect(worst).toBeLessThan(3e-6);
  });

  it('takes another stream with each call', () => {
    const random = randomGenerator(5, 'test');
    const first = gaussian([100], random).dataSync();
    expect(relativeError(gaussian([100], random), first)).toBeGreaterThan(0.1);
  });
});

describe('withNoise', () => {
  // More numbers than one thread's range, not in eights.
  const x = tf.randomNormal([3, 3, 129, 131], 0.3, 2, 'float32', 4);
  const noisy = (fused: boolean, factor = 0.5) =>
    withNoise(x, factor, 1e-8, randomGenerator(6, 'test'), fused);

  it('gives the same by our kernel and by TensorFlow’s operators', () => {
    expect(relativeError(noisy(true), noisy(false).dataSync())).toBeLessThan(3e-6);
    expect(noisy(true).dataSync()).toEqual(noisy(true).dataSync());
  });

  it('scales, and adds noise of the tensor’s own deviation', () => {
    const noise = tf.sub(noisy(true), tf.mul(x, 0.5));
    const { mean, variance } = tf.moments(noise);
    expect(Math.abs(mean.dataSync()[0]!)).toBeLessThan(0.03);
    expect(variance.dataSync()[0]! / tf.moments(x).variance.dataSync()[0]!).toBeCloseTo(1, 1);
  });
});
