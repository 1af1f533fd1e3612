/** A measured figure, how it compares with the peer's, and whether that is what was aimed at. */
import { z } from 'zod';

export const figureSchema = z.strictObject({
  /** What was measured, as a table's row names it. */
  name: z.string().min(1),
  unit: z.string().min(1),
  better: z.enum(['higher', 'lower']),
  /** One value a round. */
  ours: z.array(z.number()).min(1),
  /** The peer's values of the same rounds; `problem`: why it has none. */
  peer: z
    .strictObject({ name: z.string().min(1), samples: z.array(z.number()), problem: z.string().optional() })
    .optional(),
  /** `ratio`: so many times better than the peer; `limit`: our own value, no worse than that. */
  goal: z.union([z.strictObject({ ratio: z.number() }), z.strictObject({ limit: z.number() })]).optional(),
  /** What a reader has to know to believe it. */
  note: z.string().optional(),
});
export type Figure = z.infer<typeof figureSchema>;

export const VERDICTS = ['reached', 'missed', 'not measured', 'no goal'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Middle value, or the mean of the two in the middle. @throws RangeError of no values */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('there is no median of no values');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The smallest of the values that at least `share` of them are not above. @throws RangeError of no values */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('there is no quantile of no values');
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

/** [lowest, highest] */
export function spread(values: readonly number[]): readonly [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

/**
 * How many times better ours is than the peer's: above 1 ours is ahead, whether more or less is better. Where
 * rounds come in pairs it is the median of the pairs' ratios, so that what slows a whole round down cancels out.
 *
 * @returns undefined without a peer's values
 */
export function ratioToPeer({ ours, peer, better }: Figure): number | undefined {
  if (peer === undefined || peer.samples.length === 0) return undefined;
  const times = (own: number, other: number) => (better === 'higher' ? own / other : other / own);
  if (ours.length !== peer.samples.length) return times(median(ours), median(peer.samples));
  return median(ours.map((own, round) => times(own, peer.samples[round]!)));
}

/**
 * The same figure against several peers, one each; the goal is with the best of them.
 *
 * @throws RangeError without a peer
 */
export function figuresAgainst(
  peers: readonly NonNullable<Figure['peer']>[],
  { goal, ...figure }: Omit<Figure, 'peer'>,
): Figure[] {
  if (peers.length === 0) throw new RangeError('there is no peer');
  const figures = peers.map((peer): Figure => ({ ...figure, peer }));
  const ratios = figures.map((one) => ratioToPeer(one) ?? Infinity);
  const best = ratios.indexOf(Math.min(...ratios));
  return figures.map((one, place) => (place === best && goal !== undefined ? { ...one, goal } : one));
}

export function verdictOf(figure: Figure): Verdict {
  const { goal, better } = figure;
  if (goal === undefined) return 'no goal';
  if ('limit' in goal) {
    const own = median(figure.ours);
    return (better === 'higher' ? own >= goal.limit : own <= goal.limit) ? 'reached' : 'missed';
  }
  const ratio = ratioToPeer(figure);
  if (ratio === undefined) return 'not measured';
  return ratio >= goal.ratio ? 'reached' : 'missed';
}
