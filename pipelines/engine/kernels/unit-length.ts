import { tf, type Tensor2D } from '../tensorflow.ts';

/** As PyTorch's `normalize`: shorter vectors are not blown up. Squared it still is a float32. */
export const SHORTEST = 1e-12;

/** Vectors divided by their Euclidean length: rows (axis 1) or columns (axis 0); a zero vector stays, gradient 0. */
export function unitLength(x: Tensor2D, axis: 0 | 1): Tensor2D {
  const squared = tf.sum(tf.square(x), axis, true);
  return tf.div(x, tf.sqrt(tf.maximum(squared, SHORTEST ** 2)));
}
