/** What every metric reads: class probabilities and the true classes of the same clips. */
import { ModalmixError } from '../../../schemas/errors.ts';

export interface Predictions {
  /** [samples], class indices in 0…classCount−1. */
  readonly labels: ArrayLike<number>;
  /** [samples × classCount], row-major; each row sums to 1. */
  readonly probabilities: ArrayLike<number>;
  readonly classCount: number;
}

/** The likeliest class of each sample; of equals the first, as `numpy.argmax`. */
export function predictedClasses({ labels, probabilities, classCount }: Predictions): Int32Array {
  const predicted = new Int32Array(labels.length);
  for (let n = 0; n < labels.length; n += 1) {
    const row = n * classCount;
    let best = 0;
    for (let k = 1; k < classCount; k += 1) {
      if ((probabilities[row + k] ?? 0) > (probabilities[row + best] ?? 0)) best = k;
    }
    predicted[n] = best;
  }
  return predicted;
}

/** @throws ModalmixError `internal` when there is nothing to judge or the sizes do not fit */
export function checkPredictions({ labels, probabilities, classCount }: Predictions): void {
  if (labels.length === 0) throw new ModalmixError('internal', 'a metric was asked of no samples');
  if (probabilities.length !== labels.length * classCount) {
    throw new ModalmixError(
      'internal',
      `${String(probabilities.length)} probabilities do not fit ${String(labels.length)} samples × ${String(classCount)} classes`,
    );
  }
}
