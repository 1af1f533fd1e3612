/** Successive halving: how long trials are trained, and which go on. Pure. */
import type { SearchConfig, SearchMetric } from '../../schemas/config/search.ts';

export interface Rung {
  readonly epochs: number;
  /** Of each method, that are trained so long. */
  readonly trials: number;
}

/**
 * From the shortest trainings to the base's epochs E. Lengths are E / factor^k, rounded, down to `minEpochs`; of the
 * n trials of a method n / factor^k get there, rounded down, and at least one (Jamieson and Talwalkar, AISTATS 2016). A
 * rung that would send all its trials on is left out.
 *
 * @param epochs the base's, at least `minEpochs`
 */
export function rungsOf(
  { trials, halving }: Pick<SearchConfig, 'trials' | 'halving'>,
  epochs: number,
): Rung[] {
  if (halving === undefined) return [{ epochs, trials }];
  const { factor, minEpochs } = halving;
  const lengths: number[] = [];
  for (let length = epochs; Math.round(length) >= minEpochs; length /= factor) {
    const rounded = Math.round(length);
    if (rounded === lengths[0]) break;
    lengths.unshift(rounded);
  }
  const rungs = lengths.map((length, k): Rung => {
    // 27 / 3 ** 3 is to be 1, not a little less.
    return { epochs: length, trials: Math.max(1, Math.floor(trials / factor ** k + 1e-9)) };
  });
  return rungs.filter(({ trials: here }, k) => rungs[k + 1]?.trials !== here);
}

export interface TrialScore {
  readonly trial: number;
  /** Mean over seeds, on the validation split; absent: not all its trainings are done. */
  readonly score?: { readonly accuracy: number; readonly loss: number };
}

/**
 * From the best, without those that are not done. A tie is decided by the other figure, then by the trial's number: so the
 * order does not depend on which was through first.
 */
export function rankTrials<Trial extends TrialScore>(
  trials: readonly Trial[],
  metric: SearchMetric,
): Trial[] {
  const byAccuracy = ({ score: a }: Trial, { score: b }: Trial) => b!.accuracy - a!.accuracy;
  const byLoss = ({ score: a }: Trial, { score: b }: Trial) => a!.loss - b!.loss;
  const [first, second] = metric === 'validation.accuracy' ? [byAccuracy, byLoss] : [byLoss, byAccuracy];
  return trials
    .filter(({ score }) => score !== undefined)
    .sort((a, b) => first(a, b) || second(a, b) || a.trial - b.trial);
}
