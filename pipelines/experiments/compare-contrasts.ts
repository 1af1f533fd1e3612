/** The planned contrasts: paired differences with intervals over blocks and over groups of clips. Pure. */
import type { Contrast, ContrastSet, PlannedContrast } from '../../schemas/config/contrasts.ts';
import type { Cell } from './collect-cells.ts';
import { rounded } from './compare-methods.ts';
import { isDone, pairedSums, type Done } from './group-sums.ts';
import { bootstrapInterval, clusterInterval, meanInterval } from '../statistics/intervals.ts';
import { holm, signFlipTest, wilcoxonTest } from '../statistics/paired-tests.ts';

const keyOf = (...parts: readonly (string | number)[]): string => JSON.stringify(parts);
const blockOf = ({ dataset, fold, condition, fusion, seed }: Cell): string =>
  keyOf(dataset, ...(fold === undefined ? [] : [fold]), condition, fusion, seed);

/** Over everything first, then, where there are several, for each dataset under each condition. */
export function compareContrasts(cells: readonly Cell[], planned: readonly PlannedContrast[]): ContrastSet[] {
  const done = cells.filter(isDone);
  const scopes = new Map(
    done.map((cell) => [
      keyOf(cell.dataset, cell.condition),
      { dataset: cell.dataset, condition: cell.condition },
    ]),
  );
  const parts = scopes.size < 2 ? [] : [...scopes.values()];
  return [
    { contrasts: contrastsOf(done, planned) },
    ...parts.map((scope) => ({
      ...scope,
      contrasts: contrastsOf(
        done.filter(({ dataset, condition }) => dataset === scope.dataset && condition === scope.condition),
        planned,
      ),
    })),
  ].filter(({ contrasts }) => contrasts.length > 0);
}

/** Holm's correction is over these alone. */
function contrastsOf(done: readonly Done[], planned: readonly PlannedContrast[]): Contrast[] {
  const found = planned.flatMap((pair) => contrastOf(done, pair) ?? []);
  const blocks = holm(found.map((one) => one.blocks.p));
  const groups = holm(found.map((one) => one.groups.p));
  return found.map((one, i) => ({
    ...one,
    blocks: { ...one.blocks, holm: blocks[i]! },
    groups: { ...one.groups, holm: groups[i]! },
  }));
}

/** Nothing where no block has both methods. */
function contrastOf(done: readonly Done[], [first, second]: PlannedContrast): Contrast | undefined {
  const others = new Map(done.filter(({ method }) => method === second).map((cell) => [blockOf(cell), cell]));
  const both = done.flatMap((cell) => {
    const other = others.get(blockOf(cell));
    return cell.method === first && other !== undefined ? [{ cell, other }] : [];
  });
  if (both.length === 0) return undefined;
  const byBlock = both.map(
    ({ cell, other }) => cell.outcome.evaluation.fused.accuracy - other.outcome.evaluation.fused.accuracy,
  );
  const { sums, unit } = pairedSums(both);
  return {
    first,
    second,
    difference: byBlock.reduce((sum, one) => sum + one, 0) / byBlock.length,
    blocks: {
      count: both.length,
      ...optional('interval', meanInterval(byBlock)),
      p: wilcoxonTest(byBlock.map(rounded)),
      holm: 1,
      leastP: leastP(both.length),
    },
    groups: {
      unit,
      count: sums.length,
      ...optional('bootstrap', bootstrapInterval(sums)),
      ...optional('interval', clusterInterval(sums)),
      p: signFlipTest(sums.map(({ sum }) => sum)),
      holm: 1,
      leastP: leastP(sums.length),
    },
  };
}

/** Of n signs, all alike is the most extreme outcome there is, on either side. */
function leastP(count: number): number {
  return Math.min(1, 2 ** (1 - count));
}

function optional<Key extends string>(
  key: Key,
  value: readonly [number, number] | undefined,
): Partial<Record<Key, [number, number]>> {
  return (value === undefined ? {} : { [key]: [...value] }) as Partial<Record<Key, [number, number]>>;
}
