import type { Predictions } from './predictions.ts';

/**
 * Mean over the classes that have samples of the average precision of that class against the rest, 0…1.
 * Average precision is Σ (R_i − R_{i−1}) P_i over the distinct scores, highest first, without
 * interpolation: scikit-learn's `average_precision_score`.
 */
export function meanAveragePrecision({ labels, probabilities, classCount }: Predictions): number {
  const order = Array.from({ length: labels.length }, (_, n) => n);
  let sum = 0;
  let classes = 0;
  for (let k = 0; k < classCount; k += 1) {
    const score = (n: number): number => probabilities[n * classCount + k] ?? 0;
    order.sort((a, b) => score(b) - score(a));
    const precision = averagePrecision(
      order.map((n) => labels[n] === k),
      order.map(score),
    );
    if (precision === undefined) continue;
    sum += precision;
    classes += 1;
  }
  return sum / classes;
}

/** @param scores descending; samples of equal score enter together, so that their order does not matter */
function averagePrecision(positive: readonly boolean[], scores: readonly number[]): number | undefined {
  const positives = positive.filter(Boolean).length;
  if (positives === 0) return undefined;
  let found = 0;
  let foundBefore = 0;
  let sum = 0;
  for (let rank = 0; rank < positive.length; rank += 1) {
    if (positive[rank] === true) found += 1;
    if (scores[rank] === scores[rank + 1]) continue;
    sum += ((found - foundBefore) / positives) * (found / (rank + 1));
    foundBefore = found;
  }
  return sum;
}
