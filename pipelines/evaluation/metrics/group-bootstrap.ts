/**
 * How far an accuracy depends on which groups (speakers, recordings) the test clips come from: intervals by drawing whole
 * groups anew, with all their clips. Clips of one group are no independent witnesses.
 */
import type { Interval } from '../../../schemas/summary.ts';
import { randomGenerator } from '../../random/generator.ts';
import { philoxBlocks } from '../../random/philox.ts';
import { quantile } from './quantile.ts';

/** Clips of a group, and how many of them are right; summed over seeds where there are several. */
export interface GroupTallies {
  readonly clips: readonly number[];
  readonly right: readonly number[];
}

export const RESAMPLES = 5_000;
const LEVEL = 0.95;
const SEED = 0;
const UNIT = 2 ** -32;

/**
 * Tallies in order of first appearance.
 *
 * @param groups of each clip; a clip without one is a group of its own
 */
export function tallyGroups(
  groups: readonly (string | undefined)[],
  labels: ArrayLike<number>,
  predicted: ArrayLike<number>,
): { readonly clips: number[]; readonly right: number[] } {
  const places = new Map<string, number>();
  const clips: number[] = [];
  const right: number[] = [];
  for (let n = 0; n < labels.length; n += 1) {
    const group = groups[n];
    const place = (group === undefined ? undefined : places.get(group)) ?? clips.length;
    if (group !== undefined) places.set(group, place);
    clips[place] = (clips[place] ?? 0) + 1;
    right[place] = (right[place] ?? 0) + Number(labels[n] === predicted[n]);
  }
  return { clips, right };
}

/**
 * The percentile interval (95 %) of Σ right / Σ clips over draws of as many groups as there are, with replacement. From a
 * fixed seed: the same tallies give the same interval. Undefined for a single group, of which nothing can be said.
 * With few groups (fewer than about 15) it is too narrow.
 */
export function bootstrapAccuracy({ clips, right }: GroupTallies): Interval | undefined {
  return bootstrapRatio(right, clips);
}

/**
 * The interval of the first accuracy less the second's, both from the same draws of groups: paired.
 *
 * @param first, second over the same groups in the same order
 */
export function bootstrapDifference(first: GroupTallies, second: GroupTallies): Interval | undefined {
  const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
  // Of one seed each, so that more seeds of one weigh no more.
  const share = total(first.clips) / total(second.clips);
  const ahead = first.right.map((count, g) => count - share * (second.right[g] ?? 0));
  return bootstrapRatio(ahead, first.clips);
}

function bootstrapRatio(above: readonly number[], below: readonly number[]): Interval | undefined {
  const groups = below.length;
  if (groups < 2) return undefined;
  const { key, counter } = randomGenerator(SEED, 'bootstrap').stream();
  const blocks = Math.ceil(groups / 4);
  const words = new Uint32Array(4 * blocks);
  const ratios = Float64Array.from({ length: RESAMPLES }, (_, draw) => {
    philoxBlocks(words, [draw * blocks, counter[1], counter[2], counter[3]], key);
    let [top, bottom] = [0, 0];
    for (let n = 0; n < groups; n += 1) {
      const g = Math.floor(words[n]! * UNIT * groups);
      top += above[g]!;
      bottom += below[g]!;
    }
    return top / bottom;
  }).sort();
  return { low: quantile(ratios, (1 - LEVEL) / 2), high: quantile(ratios, (1 + LEVEL) / 2) };
}
