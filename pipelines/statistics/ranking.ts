/** Friedman's test and Nemenyi's critical difference (Demšar, JMLR 7, 2006). Pure. */
import { chiSquareTail, normalRangeQuantile } from './distributions.ts';
import { midRanks } from './paired-tests.ts';

export interface FriedmanResult {
  /** Mean rank of each method, 1 is best. */
  readonly ranks: number[];
  /** χ² with Friedman's correction for ties. */
  readonly statistic: number;
  readonly p: number;
}

/** @param blocks scores, a row a block, a column a method; higher is better */
export function friedmanTest(blocks: readonly (readonly number[])[]): FriedmanResult {
  const n = blocks.length;
  const k = blocks[0]?.length ?? 0;
  const ranked = blocks.map((scores) => midRanks(scores.map((score) => -score)));
  const ranks = Array.from({ length: k }, (_, j) => ranked.reduce((sum, row) => sum + row[j]!, 0) / n);
  const squares = ranks.reduce((sum, rank) => sum + (rank * n) ** 2, 0);
  const plain = (12 * squares) / (n * k * (k + 1)) - 3 * n * (k + 1);
  const ties = ranked.reduce((sum, row) => {
    const counts = new Map<number, number>();
    for (const rank of row) counts.set(rank, (counts.get(rank) ?? 0) + 1);
    return sum + [...counts.values()].reduce((all, count) => all + count ** 3 - count, 0);
  }, 0);
  const correction = 1 - ties / (n * (k ** 3 - k));
  // All scores of every block equal: nothing is told apart.
  if (!(correction > 0)) return { ranks, statistic: 0, p: 1 };
  const statistic = plain / correction;
  return { ranks, statistic, p: chiSquareTail(statistic, k - 1) };
}

/** CD = q_α √(k (k + 1) / 6 n), q_α the quantile of the studentised range divided by √2. */
export function criticalDifference(methods: number, blocks: number, alpha = 0.05): number {
  const q = normalRangeQuantile(1 - alpha, methods) / Math.SQRT2;
  return q * Math.sqrt((methods * (methods + 1)) / (6 * blocks));
}

/**
 * Greatest runs of methods, ordered by mean rank, whose first and last lie no further apart than `difference`; runs of
 * one are left out.
 *
 * @param ranks ascending
 * @returns index ranges, both ends included
 */
export function indistinct(ranks: readonly number[], difference: number): (readonly [number, number])[] {
  const runs: (readonly [number, number])[] = [];
  let reached = 0;
  for (const [from, rank] of ranks.entries()) {
    let to = from;
    while (to + 1 < ranks.length && ranks[to + 1]! - rank <= difference) to += 1;
    if (to > from && to > reached) {
      runs.push([from, to]);
      reached = to;
    }
  }
  return runs;
}
