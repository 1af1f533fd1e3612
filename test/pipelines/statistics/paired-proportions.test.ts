import { describe, expect, it } from 'vitest';
import {
  nonInferiorityPower,
  normalQuantile,
  pairedDifferenceLimits,
} from '../../../pipelines/statistics/paired-proportions.ts';

/**
 * onlyFirst, onlySecond, samples, lower and upper limit at level 0.05: the multinomial likelihood maximised numerically (golden
 * section) under each difference, and its score statistic bisected, in Python, without the closed form.
 */
const BY_BRUTE_FORCE = [
  [12, 2, 44, 0.0969823, 0.3599163],
  [5, 4, 150, -0.02956001, 0.04408283],
  [30, 18, 200, 0.00308804, 0.11774994],
  [0, 0, 100, -0.02634272, 0.02634272],
  [1, 0, 15, -0.09632822, 0.25075056],
  [0, 8, 15, -0.72332456, -0.29902819],
  [40, 2, 245, 0.11750514, 0.19864703],
  [3, 3, 20, -0.21374369, 0.21374369],
  [25, 60, 400, -0.12553977, -0.05047973],
  [10, 10, 10_000, -0.00078357, 0.00078357],
] as const;

describe('limits of a paired difference', () => {
  it.each(BY_BRUTE_FORCE)('of %i against %i in %i', (onlyFirst, onlySecond, samples, lower, upper) => {
    const limits = pairedDifferenceLimits({ samples, onlyFirst, onlySecond }, 0.05);
    expect(limits.lower).toBeCloseTo(lower, 6);
    expect(limits.upper).toBeCloseTo(upper, 6);
  });

  it('are wider where less may go wrong', () => {
    const counts = { samples: 200, onlyFirst: 30, onlySecond: 18 };
    expect(pairedDifferenceLimits(counts, 0.01).lower).toBeLessThan(0.003);
    expect(pairedDifferenceLimits(counts, 0.2).lower).toBeGreaterThan(0.0031);
  });
});

it('knows the normal distribution by its quantiles', () => {
  expect(normalQuantile(0.95)).toBeCloseTo(1.644_853_627, 8);
  expect(normalQuantile(0.025)).toBeCloseTo(-1.959_963_985, 8);
});

it('says how often an equally good candidate passes', () => {
  // Φ(0.02 / √(0.2 / n) − 1.6449): n = 150 and 3,092 by a table of Φ.
  const of = (samples: number) => ({ samples, onlyFirst: samples / 10, onlySecond: samples / 10 });
  expect(nonInferiorityPower(of(150), 0.05, 0.02)).toBeCloseTo(0.1364, 3);
  expect(nonInferiorityPower(of(3_092), 0.05, 0.02)).toBeCloseTo(0.8, 2);
});
