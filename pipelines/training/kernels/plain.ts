/**
 * The kernels of a network's layers by TensorFlow.js's ordinary operators, for backends that have none of TensorFlow's own.
 * Numbers are the same up to rounding.
 */
import { tf, type Tensor, type Tensor1D, type Tensor4D } from '../tensorflow.ts';
import { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, type BatchNormStatistics } from './batch-norm.ts';

/** Below every activation; an infinity would spread as NaN through a product with 0. */
const LOWEST = -3e38;

/** As `convolution`. */
export function plainConvolution(
  x: Tensor4D,
  filter: Tensor4D,
  { stride, pad }: { readonly stride: number; readonly pad: number },
): Tensor4D {
  return tf.conv2d(padded(x, pad, 0), filter, stride, 'valid');
}

/** As `maxPool`. */
export function plainMaxPool(
  x: Tensor4D,
  { size, stride, pad }: { readonly size: number; readonly stride: number; readonly pad: number },
): Tensor4D {
  return tf.maxPool(padded(x, pad, LOWEST), size, stride, 'valid');
}

/** As `relu`. */
export function plainRelu<T extends Tensor>(x: T): T {
  return tf.relu(x);
}

/** As `batchNormInference`. */
export function plainBatchNormInference(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  running: BatchNormStatistics,
): Tensor4D {
  return tf.tidy(() => normalise(tf.sub(x, running.mean), running.variance, scale, offset));
}

/** As `batchNormTraining`. */
export function plainBatchNormTraining(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  running: BatchNormStatistics,
  onRunning: (moved: BatchNormStatistics) => void,
): Tensor4D {
  const mean = tf.mean<Tensor1D>(x, [0, 1, 2]);
  const centred = tf.sub<Tensor4D>(x, mean);
  const variance = tf.mean<Tensor1D>(tf.square(centred), [0, 1, 2]);
  const count = x.size / x.shape[3];
  const moved = (before: Tensor1D, now: Tensor1D): Tensor1D =>
    tf.add(tf.mul(before, 1 - BATCH_NORM_MOMENTUM), tf.mul(now, BATCH_NORM_MOMENTUM));
  onRunning({
    mean: moved(running.mean, mean),
    variance: moved(running.variance, tf.mul(variance, count / Math.max(1, count - 1))),
  });
  return normalise(centred, variance, scale, offset);
}

function normalise(centred: Tensor, variance: Tensor1D, scale: Tensor1D, offset: Tensor1D): Tensor4D {
  const factor = tf.div(scale, tf.sqrt(tf.add(variance, BATCH_NORM_EPSILON)));
  return tf.add(tf.mul(centred, factor), offset);
}

function padded(x: Tensor4D, pad: number, value: number): Tensor4D {
  if (pad === 0) return x;
  return tf.pad(
    x,
    [
      [0, 0],
      [pad, pad],
      [pad, pad],
      [0, 0],
    ] as [number, number][],
    value,
  );
}
