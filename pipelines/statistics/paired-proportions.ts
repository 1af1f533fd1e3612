/** How far apart two classifiers are that were asked about the same clips. Pure. */
import { bisect } from './bisect.ts';
import { normalCdf } from './distributions.ts';

/** What two classifiers made of the same clips. */
export interface PairedCounts {
  readonly samples: number;
  /** Clips that the first one alone has right. */
  readonly onlyFirst: number;
  /** Clips that the second one alone has right. */
  readonly onlySecond: number;
}

const MOST_Z = 40;

/** z with Φ(z) = `share`, for 0 < share < 1. */
export function normalQuantile(share: number): number {
  return bisect(-MOST_Z, MOST_Z, (z) => normalCdf(z) < share);
}

/**
 * One-sided limits of the difference of two accuracies, first minus second, by Tango's score statistic: each holds with
 * probability 1 − level, also where few clips are told apart or none. T. Tango, "Equivalence test and confidence interval
 * for the difference in proportions for the paired-sample design", Statistics in Medicine 17, 1998, eq. 2 and 13.
 *
 * @param level of one side, 0…0.5
 * @returns shares in −1…1
 */
export function pairedDifferenceLimits(
  counts: PairedCounts,
  level: number,
): { readonly lower: number; readonly upper: number } {
  const z = normalQuantile(1 - level);
  // The statistic falls as the difference that it is asked about grows.
  return {
    lower: bisect(-1, 1, (difference) => scoreStatistic(counts, difference) > z),
    upper: bisect(-1, 1, (difference) => scoreStatistic(counts, difference) > -z),
  };
}

/**
 * How often the lower limit lies above −`margin` where the two are equally good in truth, and disagree as often as
 * observed (at least on one clip): the power of the non-inferiority test, by the normal approximation.
 *
 * @returns 0…1
 */
export function nonInferiorityPower(
  { samples, onlyFirst, onlySecond }: PairedCounts,
  level: number,
  margin: number,
): number {
  const disagreement = Math.max(1, onlyFirst + onlySecond) / samples;
  return normalCdf(margin / Math.sqrt(disagreement / samples) - normalQuantile(1 - level));
}

/** Standard normal where `difference` is the true one; its nuisance parameter is the constrained maximum of the likelihood. */
function scoreStatistic(
  { samples: n, onlyFirst: b, onlySecond: c }: PairedCounts,
  difference: number,
): number {
  const linear = -b - c + (2 * n - b + c) * difference;
  const constant = -c * difference * (1 - difference);
  const share = (Math.sqrt(Math.max(0, linear ** 2 - 8 * n * constant)) - linear) / (4 * n);
  const deviation = Math.sqrt(Math.max(0, n * (2 * share + difference * (1 - difference))));
  const distance = b - c - n * difference;
  return distance === 0 ? 0 : distance / deviation;
}
