/** Classes with few clips: what they count in the loss, and how often they are drawn. Pure. */
import type { TrainingOptions } from '../../../schemas/config/training-options.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { Generator } from '../../random/generator.ts';
import type { RowPool } from './epoch-rows.ts';

/** Clips of each class in an epoch; where old ones are drawn, as many as are to be expected. */
export function classCounts({ every, replayed }: RowPool, labels: Int32Array, classes: number): number[] {
  const counts = Array<number>(classes).fill(0);
  for (const row of every) counts[labels[row]!]! += 1;
  if (replayed === undefined || replayed.drawn === 0) return counts;
  const share = replayed.drawn / replayed.from.length;
  for (const row of replayed.from) counts[labels[row]!]! += share;
  return counts;
}

/**
 * w_c with Σ n_c w_c = Σ n_c: `balanced` is N / (K n_c), K the classes that have clips (scikit-learn's); one without
 * clips gets 0.
 *
 * @param counts n_c
 * @returns nothing when all classes count alike
 * @throws ModalmixError `config` when a list has not a number for each class, or none above 0 for a class with clips
 */
export function weightsOf(
  counts: readonly number[],
  wanted: TrainingOptions['classWeights'],
  classNames: readonly string[],
): readonly number[] | undefined {
  if (wanted === undefined) return undefined;
  if (wanted !== 'balanced' && wanted.length !== counts.length) {
    throw new ModalmixError(
      'config',
      `there are ${String(wanted.length)} class weights for ${String(counts.length)} classes`,
      { where: 'training.classWeights', fix: `Give one for each, in this order: ${classNames.join(', ')}.` },
    );
  }
  const raw = counts.map((count, c) => {
    if (count === 0) return 0;
    return wanted === 'balanced' ? 1 / count : wanted[c]!;
  });
  const clips = counts.reduce((sum, count) => sum + count, 0);
  const weighted = counts.reduce((sum, count, c) => sum + count * raw[c]!, 0);
  if (weighted > 0) return raw.map((weight) => (weight * clips) / weighted);
  throw new ModalmixError('config', 'no class that has training clips has a weight above 0', {
    where: 'training.classWeights',
    fix: 'Give one to at least one of them.',
  });
}

/** As many rows as are given, drawn with replacement: a class that has rows, each alike, then one of its rows. */
export function balancedRows(rows: Int32Array, labels: Int32Array, random: Generator): Int32Array {
  const byClass = new Map<number, number[]>();
  for (const row of rows) {
    const own = byClass.get(labels[row]!);
    if (own === undefined) byClass.set(labels[row]!, [row]);
    else own.push(row);
  }
  const classes = [...byClass.entries()].sort(([a], [b]) => a - b).map(([, own]) => own);
  return Int32Array.from(rows, () => {
    const own = classes[random.integer(classes.length)]!;
    return own[random.integer(own.length)]!;
  });
}
