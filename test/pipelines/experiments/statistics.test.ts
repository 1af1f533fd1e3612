import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chiSquareTail, normalRangeQuantile } from '../../../pipelines/statistics/distributions.ts';
import { holm, signFlipTest, wilcoxonTest } from '../../../pipelines/statistics/paired-tests.ts';
import { criticalDifference, friedmanTest, indistinct } from '../../../pipelines/statistics/ranking.ts';

const numbers = z.array(z.number());
/** By SciPy: `golden/make_golden.py`. */
const golden = z
  .object({
    signFlip: z.array(z.object({ differences: numbers, p: z.number() })),
    mcnemar: z.array(z.object({ onlyFirst: z.number(), onlySecond: z.number(), p: z.number() })),
    wilcoxon: z.array(z.object({ differences: numbers, p: z.number() })),
    holm: z.array(z.object({ ps: numbers, corrected: numbers })),
    friedman: z.array(
      z.object({ blocks: z.array(numbers), statistic: z.number(), p: z.number(), ranks: numbers }),
    ),
    chiSquareTail: z.array(z.object({ x: z.number(), df: z.number(), p: z.number() })),
    rangeQuantile: z.array(z.object({ methods: z.number(), q: z.number() })),
  })
  .parse(JSON.parse(await readFile(new URL('golden/statistics.json', import.meta.url), 'utf8')));

describe('paired tests', () => {
  it.each(golden.signFlip)('flip every sign there is: $differences', ({ differences, p }) => {
    expect(signFlipTest(differences)).toBeCloseTo(p, 12);
  });

  it.each(golden.mcnemar)(
    'over clips with one seed are the exact McNemar test: $onlyFirst against $onlySecond',
    ({ onlyFirst, onlySecond, p }) => {
      const clips = [...Array<number>(onlyFirst).fill(1), ...Array<number>(onlySecond).fill(-1), 0, 0, 0];
      expect(signFlipTest(clips)).toBeCloseTo(p, 12);
    },
  );

  it.each(golden.wilcoxon)('by signed ranks agree with SciPy: $differences', ({ differences, p }) => {
    expect(wilcoxonTest(differences)).toBeCloseTo(p, 10);
  });

  it('find nothing where nothing differs', () => {
    expect(signFlipTest([0, 0])).toBe(1);
    expect(wilcoxonTest([])).toBe(1);
  });

  it('take thousands of clips', () => {
    const clips = Array.from({ length: 3_000 }, (_, i) =>
      i % 7 === 0 ? 3 : i % 5 === 0 ? -2 : i % 3 === 0 ? -1 : 0,
    );
    expect(signFlipTest(clips)).toBeGreaterThan(0);
    expect(signFlipTest(clips)).toBeLessThan(0.5);
  });

  it.each(golden.holm)('are corrected by Holm: $ps', ({ ps, corrected }) => {
    holm(ps).forEach((one, i) => expect(one).toBeCloseTo(corrected[i]!, 12));
  });
});

describe('ranks', () => {
  it.each(golden.friedman)('are tested as SciPy does, p $p', ({ blocks, statistic, p, ranks }) => {
    const found = friedmanTest(blocks);
    expect(found.statistic).toBeCloseTo(statistic, 8);
    expect(found.p).toBeCloseTo(p, 8);
    found.ranks.forEach((rank, i) => expect(rank).toBeCloseTo(ranks[i]!, 12));
  });

  it.each(golden.chiSquareTail)('have the tail of chi-square at $x with $df', ({ x, df, p }) => {
    expect(chiSquareTail(x, df) / p).toBeCloseTo(1, 9);
  });

  it.each(golden.rangeQuantile)('have the quantile of the range of $methods', ({ methods, q }) => {
    expect(normalRangeQuantile(0.95, methods)).toBeCloseTo(q, 5);
  });

  it('have the critical difference of the paper that brought it, 1.25 for 4 methods on 14 datasets', () => {
    // Demšar (2006), section 3.2.2: q₀.₀₅ = 2.569, CD = 2.569 √(4 · 5 / (6 · 14)) = 1.25.
    expect(criticalDifference(4, 14)).toBeCloseTo(1.25, 2);
  });

  it('are joined in the greatest groups that lie close together', () => {
    expect(indistinct([1, 1.5, 2.4, 4, 4.2], 1)).toEqual([
      [0, 1],
      [1, 2],
      [3, 4],
    ]);
    expect(indistinct([1, 2, 3], 0.5)).toEqual([]);
    expect(indistinct([1, 2, 3], 2)).toEqual([[0, 2]]);
  });
});
