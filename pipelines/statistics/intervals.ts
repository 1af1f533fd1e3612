/** Intervals of a mean difference: over trainings, and over groups of test clips. Pure. */
import { quantile } from '../evaluation/metrics/quantile.ts';
import { randomGenerator } from '../random/generator.ts';
import { studentQuantile } from './student.ts';

export type Interval = readonly [number, number];

const WITHIN = 0.95;
/** Of the bootstrap, where groups are few; with many, fewer do, since their means are all but normal. */
const MOST_DRAWS = 10_000;
const LEAST_DRAWS = 2_000;
const DRAWN_GROUPS = 4_000_000;

/** A group of test clips: the sum of the paired differences of all its clips, and how many those are. */
export interface GroupSum {
  readonly sum: number;
  readonly count: number;
}

/** x̄ ± t s / √n, at 95 %; undefined with fewer than two values. */
export function meanInterval(values: readonly number[]): Interval | undefined {
  const n = values.length;
  if (n < 2) return undefined;
  const mean = values.reduce((sum, one) => sum + one, 0) / n;
  const variance = values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (n - 1);
  const half = studentQuantile(WITHIN, n - 1) * Math.sqrt(variance / n);
  return [mean - half, mean + half];
}

/** θ = Σ sums / Σ counts: the mean over all clips. */
export function groupMean(groups: readonly GroupSum[]): number {
  return groups.reduce((all, { sum }) => all + sum, 0) / groups.reduce((all, { count }) => all + count, 0);
}

/**
 * θ ± t SE over G groups, at 95 %: e_g = sum_g − θ count_g, SE² = G / (G − 1) Σ e_g² / (Σ count)², t with G − 1
 * degrees of freedom (the cluster-robust error CR1; Cameron and Miller, 2015). It holds up with fewer groups than the
 * bootstrap's percentiles, which are then too narrow.
 *
 * @returns undefined with fewer than two groups
 */
export function clusterInterval(groups: readonly GroupSum[]): Interval | undefined {
  const size = groups.length;
  if (size < 2) return undefined;
  const mean = groupMean(groups);
  const clips = groups.reduce((all, { count }) => all + count, 0);
  const squares = groups.reduce((all, { sum, count }) => all + (sum - mean * count) ** 2, 0);
  const half = (studentQuantile(WITHIN, size - 1) * Math.sqrt((size / (size - 1)) * squares)) / clips;
  return [mean - half, mean + half];
}

/**
 * The percentile bootstrap over groups, at 95 %: G of G groups are drawn with replacement, each with all its clips and
 * on all trainings; θ of each draw; its 2.5th and 97.5th percentile. The same groups give the same interval.
 *
 * @returns undefined with fewer than two groups
 */
export function bootstrapInterval(groups: readonly GroupSum[]): Interval | undefined {
  const size = groups.length;
  if (size < 2) return undefined;
  const draws = Math.max(LEAST_DRAWS, Math.min(MOST_DRAWS, Math.floor(DRAWN_GROUPS / size)));
  const random = randomGenerator(0, 'bootstrap over groups');
  const means = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw += 1) {
    let [sum, count] = [0, 0];
    for (let i = 0; i < size; i += 1) {
      const group = groups[random.integer(size)]!;
      sum += group.sum;
      count += group.count;
    }
    means[draw] = sum / count;
  }
  means.sort();
  return [quantile(means, (1 - WITHIN) / 2), quantile(means, (1 + WITHIN) / 2)];
}
