/** Groups dealt out to folds so that each fold has about the same share of each class. Pure. */

const CLOSE_ABSOLUTE = 1e-8;
const CLOSE_RELATIVE = 1e-5;

/**
 * The greedy rule of scikit-learn's `StratifiedGroupKFold`: groups from the most uneven one on, each to the fold where
 * the shares of classes then differ least between folds (mean over classes of the standard deviation), of equal ones to
 * the smallest.
 *
 * @param counts clips of each class, a row a group; equals keep their order
 * @returns fold of each group, 0…folds−1
 */
export function dealGroups(counts: readonly (readonly number[])[], folds: number): number[] {
  const classes = counts[0]?.length ?? 0;
  const totals = Array.from({ length: classes }, (_, k) =>
    Math.max(
      1,
      counts.reduce((sum, row) => sum + row[k]!, 0),
    ),
  );
  const unevenness = counts.map(deviation);
  const order = counts.map((_, i) => i).sort((a, b) => unevenness[b]! - unevenness[a]!);
  // dealt[k][f]: share of class k that is in fold f so far.
  const dealt = totals.map(() => new Array<number>(folds).fill(0));
  const spreads = totals.map(() => 0);
  const sizes = new Array<number>(folds).fill(0);
  const chosen = new Array<number>(counts.length).fill(0);
  for (const group of order) {
    const row = counts[group]!;
    const present = [...row.keys()].filter((k) => row[k]! > 0);
    const others = spreads.reduce((sum, one, k) => sum + (row[k]! > 0 ? 0 : one), 0);
    let [best, least] = [0, Infinity];
    for (let fold = 0; fold < folds; fold += 1) {
      const changed = present.reduce((sum, k) => sum + spreadWith(dealt[k]!, fold, row[k]! / totals[k]!), 0);
      const spread = (others + changed) / classes;
      const isClose =
        least < Infinity && Math.abs(spread - least) <= CLOSE_ABSOLUTE + CLOSE_RELATIVE * Math.abs(least);
      if (isClose ? sizes[fold]! < sizes[best]! : spread < least) [best, least] = [fold, spread];
    }
    chosen[group] = best;
    for (const k of present) {
      dealt[k]![best]! += row[k]! / totals[k]!;
      spreads[k] = deviation(dealt[k]!);
    }
    sizes[best]! += row.reduce((sum, one) => sum + one, 0);
  }
  return chosen;
}

function spreadWith(shares: readonly number[], fold: number, more: number): number {
  return deviation(shares.map((share, f) => (f === fold ? share + more : share)));
}

/** Of the population. */
function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
  return Math.sqrt(values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / values.length);
}
