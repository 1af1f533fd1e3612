/**
 * The encoders' operators made of TensorFlow.js's public ones, for backends that have no others: more passes over memory,
 * the same numbers up to rounding. [N, H, W, C] throughout.
 */
import { tf, type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from '../tensorflow.ts';
import { differentiable } from './differentiable.ts';

/** As `batchNormTraining` gives them. */
export interface Moments {
  readonly mean: Tensor1D;
  /** Divided by the number of pixels. */
  readonly variance: Tensor1D;
}

/** As `convolution`; PyTorch's symmetric padding. */
export function portableConvolution(x: Tensor4D, filter: Tensor4D, stride: number, pad: number): Tensor4D {
  return tf.conv2d(x, filter, stride, pad, 'NHWC', 1, 'floor');
}

/** As `maxPool`. */
export function portableMaxPool(x: Tensor4D, size: number, stride: number, pad: number): Tensor4D {
  return tf.maxPool(x, size, stride, pad, 'floor');
}

/** As `batchNormInference`. */
export function portableBatchNormInference(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  { mean, variance }: Moments,
  epsilon: number,
): Tensor4D {
  return tf.tidy(() => {
    const factor = tf.mul(scale, tf.rsqrt(tf.add(variance, epsilon)));
    return tf.add<Tensor4D>(tf.mul(x, factor), tf.sub(offset, tf.mul(mean, factor)));
  });
}

/**
 * Normalises by the batch's own mean and variance (Ioffe and Szegedy 2015, Algorithm 1).
 *
 * @param onMoments gets the batch's; it must copy or keep them before it returns
 */
export function portableBatchNormTraining(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  epsilon: number,
  onMoments: (moments: Moments) => void,
): Tensor4D {
  const channels = x.shape[3];
  const pixels = x.size / channels;
  const flat = (tensor: Tensor): Tensor2D => tf.reshape(tensor, [pixels, channels]);
  return differentiable(
    [x, scale, offset],
    () => {
      const parts = tf.tidy(() => {
        const mean = tf.mean<Tensor1D>(flat(x), 0);
        const centred = tf.sub(flat(x), mean);
        const variance = tf.mean<Tensor1D>(tf.square(centred), 0);
        const inverse = tf.rsqrt(tf.add(variance, epsilon));
        const normalised = tf.mul(centred, inverse); // x̂
        onMoments({ mean, variance });
        const value = tf.reshape(tf.add(tf.mul(normalised, scale), offset), x.shape);
        return { value, normalised, inverse };
      });
      return { value: parts.value, saved: [parts.normalised, parts.inverse, scale] };
    },
    (dy, [normalised, inverse, factor]) =>
      tf.tidy(() => {
        const dOffset = tf.sum(flat(dy), 0);
        const dScale = tf.sum(tf.mul(flat(dy), normalised!), 0);
        const centred = tf.sub(
          flat(dy),
          tf.add(tf.div(dOffset, pixels), tf.mul(normalised!, tf.div(dScale, pixels))),
        );
        const dx = tf.reshape(tf.mul(centred, tf.mul(inverse!, factor!)), x.shape);
        return [dx, dScale, dOffset];
      }),
  ) as Tensor4D;
}
