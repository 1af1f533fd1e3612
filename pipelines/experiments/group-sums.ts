/** Test clips by the group that they are of: what is exchangeable is a speaker or a source, not a clip. Pure. */
import type { Cell, CellOutcome } from './collect-cells.ts';
import type { GroupSum } from '../statistics/intervals.ts';

export type Done = Cell & { readonly outcome: CellOutcome };

export function isDone(cell: Cell): cell is Done {
  return cell.outcome !== undefined;
}

export interface GroupSums {
  readonly sums: GroupSum[];
  /** `clip`: no clip is of a named group. */
  readonly unit: 'group' | 'clip';
}

/**
 * Sums of what each clip scores: a group is one over all folds, seeds, conditions and fusions of a dataset, and a clip
 * without a group is one by itself.
 *
 * @param scoreOf of a test clip on a training: whether it is named right, or a paired difference; undefined: left out
 */
export function groupSums<Item extends { readonly cell: Done }>(
  items: readonly Item[],
  scoreOf: (item: Item, clip: string, hit: boolean) => number | undefined,
): GroupSums {
  const sums = new Map<string, { sum: number; count: number }>();
  let unit: GroupSums['unit'] = 'clip';
  for (const item of items) {
    const { dataset, outcome } = item.cell;
    for (const [clip, hit] of outcome.hits) {
      const score = scoreOf(item, clip, hit);
      if (score === undefined) continue;
      const group = outcome.groups.get(clip);
      if (group !== undefined) unit = 'group';
      const key = JSON.stringify(group === undefined ? [dataset, 'clip', clip] : [dataset, 'group', group]);
      const sum = sums.get(key) ?? { sum: 0, count: 0 };
      sum.sum += score;
      sum.count += 1;
      sums.set(key, sum);
    }
  }
  return { sums: [...sums.values()], unit };
}

/** By group: on how many clips and trainings the first was right and the other not, minus the opposite. */
export function pairedSums(pairs: readonly { readonly cell: Done; readonly other: Done }[]): GroupSums {
  return groupSums(pairs, ({ other }, clip, hit) => {
    const otherHit = other.outcome.hits.get(clip);
    return otherHit === undefined ? undefined : Number(hit) - Number(otherHit);
  });
}
