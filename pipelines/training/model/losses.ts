/** Losses over logits [B, K]. */
import { tf, type Scalar, type Tensor2D } from '../../engine/tensorflow.ts';

/** What a training does to the labels before they are fitted. */
export interface LossSettings {
  /** ε in [0, 1). */
  readonly labelSmoothing?: number | undefined;
  /** w_c ≥ 0, one for each class. */
  readonly classWeights?: readonly number[] | undefined;
}

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

/**
 * What `crossEntropy` is to be given so that it is PyTorch's with `weight`, `label_smoothing` and probabilities as
 * targets, −Σ w_c ((1 − ε) ỹ_c + ε s / K) log p_c, s the row's sum (1, where a method does not weigh its rows). The mean
 * is over the rows, not over their weights: mixed rows have no class of their own.
 *
 * @param labels [B × K], row-major; mixed ones too: to mix smoothed labels is to smooth mixed ones
 */
export function lossTargets(
  labels: Float32Array,
  classes: number,
  { labelSmoothing = 0, classWeights }: LossSettings,
): Float32Array {
  if (labelSmoothing === 0 && classWeights === undefined) return labels;
  const targets = new Float32Array(labels.length);
  for (let start = 0; start < labels.length; start += classes) {
    let sum = 0;
    for (let c = 0; c < classes; c += 1) sum += labels[start + c]!;
    for (let c = 0; c < classes; c += 1) {
      const smooth = (1 - labelSmoothing) * labels[start + c]! + (labelSmoothing * sum) / classes;
      targets[start + c] = (classWeights?.[c] ?? 1) * smooth;
    }
  }
  return targets;
}
