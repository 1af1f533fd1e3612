/** Losses over logits [B, K]. */
import { tf, type Scalar, type Tensor2D } from '../../engine/tensorflow.ts';

/**
 * Mean over the rows of −Σ_k ỹ_k log softmax(logits)_k.
 *
 * @param labels probabilities [B × K], row-major
 * @param rowWeights [B]; absent: every row counts once. The mean is over the weights' sum.
 */
export function crossEntropy(logits: Tensor2D, labels: Float32Array, rowWeights?: Uint8Array): Scalar {
  const [size, classes] = logits.shape;
  const weighted =
    rowWeights === undefined
      ? labels
      : labels.map((value, at) => value * rowWeights[Math.floor(at / classes)]!);
  const total = rowWeights?.reduce((sum, weight) => sum + weight, 0) ?? size;
  const target = tf.tensor2d(weighted, [size, classes]);
  return tf.div(tf.neg(tf.sum(tf.mul(target, tf.logSoftmax(logits)))), Math.max(1, total));
}
