/** Which methods differ, under the experiment's first condition: paired tests and mean ranks. Pure. */
import type { Pair, Ranking } from '../../schemas/config/experiment.ts';
import type { MethodName } from '../../schemas/config/methods.ts';
import type { Cell } from './collect-cells.ts';
import { isDone, pairedSums, type Done } from './group-sums.ts';
import { holm, signFlipTest, wilcoxonTest } from '../statistics/paired-tests.ts';
import { criticalDifference, friedmanTest, indistinct } from '../statistics/ranking.ts';

/** A training of a method is paired with the other methods' on the same dataset, fold, fusion and seed. */
const blockOf = ({ dataset, fold, fusion, seed }: Cell): string =>
  JSON.stringify([dataset, fold ?? null, fusion, seed]);

/** Every pair of methods that have something in common. */
export function comparePairs(cells: readonly Cell[], methods: readonly MethodName[]): Pair[] {
  const done = cells.filter(isDone);
  const pairs = methods.flatMap((first, i) =>
    methods.slice(i + 1).flatMap((second) => {
      const compared = comparePair(done, first, second);
      return compared === undefined ? [] : [{ first, second, ...compared }];
    }),
  );
  const byGroups = holm(pairs.map(({ groups }) => groups.p));
  const byTrainings = holm(pairs.map(({ trainings }) => trainings.p));
  return pairs.map((pair, i) => ({
    ...pair,
    groups: { ...pair.groups, holm: byGroups[i]! },
    trainings: { ...pair.trainings, holm: byTrainings[i]! },
  }));
}

function comparePair(done: readonly Done[], first: MethodName, second: MethodName) {
  const others = new Map(done.filter(({ method }) => method === second).map((cell) => [blockOf(cell), cell]));
  const both = done.flatMap((cell) => {
    const other = others.get(blockOf(cell));
    return cell.method === first && other !== undefined ? [{ cell, other }] : [];
  });
  if (both.length === 0) return undefined;
  const { sums, unit } = pairedSums(both);
  const byTraining = both.map(
    ({ cell, other }) => cell.outcome.evaluation.fused.accuracy - other.outcome.evaluation.fused.accuracy,
  );
  return {
    difference: byTraining.reduce((sum, one) => sum + one, 0) / byTraining.length,
    groups: { unit, p: signFlipTest(sums.map(({ sum }) => sum)), count: sums.length },
    trainings: { p: wilcoxonTest(byTraining.map(rounded)), count: byTraining.length },
  };
}

/** So that differences that are equal are also equal as binary fractions. */
export function rounded(difference: number): number {
  return Math.round(difference * 1e9) / 1e9;
}

/** Those of the methods that have most trainings; nothing with fewer than two methods or blocks. */
export function rankMethods(cells: readonly Cell[], methods: readonly MethodName[]): Ranking | undefined {
  const done = cells.filter(isDone);
  // One that lacks a training would take its whole block from the others: it is not ranked.
  const counts = new Map(
    methods.map((method) => [method, done.filter((cell) => cell.method === method).length]),
  );
  const most = Math.max(0, ...counts.values());
  const ranked = methods.filter((method) => counts.get(method) === most);
  const scores = new Map<string, Map<MethodName, number>>();
  for (const cell of done) {
    const block = scores.get(blockOf(cell)) ?? new Map<MethodName, number>();
    scores.set(blockOf(cell), block.set(cell.method, cell.outcome.evaluation.fused.accuracy));
  }
  const blocks = [...scores.values()].filter((block) => ranked.every((method) => block.has(method)));
  if (ranked.length < 2 || blocks.length < 2) return undefined;
  const { ranks, statistic, p } = friedmanTest(
    blocks.map((block) => ranked.map((method) => block.get(method)!)),
  );
  const ordered = ranked.map((method, i) => ({ method, rank: ranks[i]! })).sort((a, b) => a.rank - b.rank);
  const difference = criticalDifference(ranked.length, blocks.length);
  return {
    blocks: blocks.length,
    ranks: ordered,
    friedman: { statistic, p },
    criticalDifference: difference,
    groups: indistinct(
      ordered.map(({ rank }) => rank),
      difference,
    ).map(([from, to]) => ordered.slice(from, to + 1).map(({ method }) => method)),
  };
}
