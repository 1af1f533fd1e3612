/** Paired tests, exact, and the correction for many of them. Pure. */

/**
 * The sign-flip (permutation) test on whole-numbered paired differences: under the null hypothesis each has either
 * sign with probability ½. The distribution of the sum is computed exactly. With differences of −1, 0 and 1 this is
 * McNemar's exact test.
 *
 * @returns two-sided p: P(|sum| ≥ |the observed one|)
 */
export function signFlipTest(differences: readonly number[]): number {
  const sizes = differences.map(Math.abs).filter((size) => size > 0);
  const observed = Math.abs(differences.reduce((sum, one) => sum + one, 0));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  // chance[s + total]: probability of the sum s so far.
  let chance = new Float64Array(2 * total + 1);
  chance[total] = 1;
  let reach = 0;
  for (const size of sizes) {
    const next = new Float64Array(chance.length);
    for (let sum = -reach; sum <= reach; sum += 1) {
      const half = chance[sum + total]! / 2;
      if (half === 0) continue;
      next[sum + size + total]! += half;
      next[sum - size + total]! += half;
    }
    chance = next;
    reach += size;
  }
  let p = 0;
  for (let sum = observed; sum <= total; sum += 1) p += chance[sum + total]! * (sum === 0 ? 1 : 2);
  if (observed === 0) return 1;
  return Math.min(1, p);
}

/**
 * Wilcoxon's signed-rank test, exact also with ties (mid-ranks); differences of zero are left out (Wilcoxon's own way).
 *
 * @returns two-sided p; 1 when nothing differs
 */
export function wilcoxonTest(differences: readonly number[]): number {
  const nonZero = differences.filter((one) => one !== 0);
  const ranks = midRanks(nonZero.map(Math.abs));
  // Mid-ranks are halves: twice as many are whole, and W⁺ − W⁻ is the sum of signed ranks.
  return signFlipTest(nonZero.map((one, i) => Math.sign(one) * Math.round(2 * ranks[i]!)));
}

/** Ranks from 1 of ascending values; equal values share the mean of their ranks. */
export function midRanks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Array<number>(values.length);
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to += 1;
    for (let i = from; i < to; i += 1) ranks[order[i]!] = (from + 1 + to) / 2;
    from = to;
  }
  return ranks;
}

/** Holm's step-down correction (1979), in the order given. */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((_, i) => i).sort((a, b) => ps[a]! - ps[b]!);
  const corrected = new Array<number>(ps.length);
  let largest = 0;
  for (const [place, i] of order.entries()) {
    largest = Math.max(largest, Math.min(1, (ps.length - place) * ps[i]!));
    corrected[i] = largest;
  }
  return corrected;
}
