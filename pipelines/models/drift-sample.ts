/** Which clips the features' drift is told from: a bounded sample of the new ones, and one of the old ones. Pure. */
import type { DatasetManifest } from '../../schemas/manifest.ts';
import { randomGenerator } from '../random/generator.ts';
import { partRows } from '../shards/read/part-rows.ts';

/** Of either side, at most: a mean feature hardly moves with more. */
export const DRIFT_CLIPS = 2_000;

/** Those in which models are trained and judged. */
export const DRIFT_SPLITS = ['train', 'test'] as const;

/** Rows of each split, ascending. */
export type DrawnRows = Readonly<Record<(typeof DRIFT_SPLITS)[number], Int32Array>> & {
  readonly count: number;
};

/**
 * All rows where there are not more than `DRIFT_CLIPS`; the same ones for the same snapshot.
 *
 * @param side of the shards `newShards`: their rows, or all others
 */
export function drawRows(
  manifest: Pick<DatasetManifest, 'shards'>,
  newShards: readonly string[],
  side: 'inside' | 'outside',
): DrawnRows {
  const train = partRows(manifest, 'train', newShards)[side];
  const test = partRows(manifest, 'test', newShards)[side];
  const order = randomGenerator(0, `drift/${side}`).permutation(train.length + test.length);
  const places = order.subarray(0, DRIFT_CLIPS).sort();
  return {
    train: Int32Array.from(
      places.filter((place) => place < train.length),
      (place) => train[place]!,
    ),
    test: Int32Array.from(
      places.filter((place) => place >= train.length),
      (place) => test[place - train.length]!,
    ),
    count: places.length,
  };
}
