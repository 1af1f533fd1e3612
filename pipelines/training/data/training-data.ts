/**
 * What a training's config does to its training split: few labels, class imbalance, wrong labels, missing modalities.
 * Every choice follows from the seed and the clip's id, so that the order of the clips, and clips that come later,
 * change as little as can be. Pure.
 */
import type { TrainingData } from '../../../schemas/config/training-config.ts';
import { modalityBit, type Modality } from '../../../schemas/modality.ts';
import type { TrainingSpec } from '../../../schemas/training.ts';
import { randomGenerator } from '../../random/generator.ts';
import type { ShardSet } from '../../shards/read/shard-reader.ts';

type Rows = Pick<ShardSet, 'labels' | 'clipIds' | 'missing' | 'modalities'>;

/** Indexed by row as the split has them, also rows that are not kept. */
export interface ChangedRows {
  /** Rows to train on, ascending. */
  readonly kept: Int32Array;
  readonly labels: Int32Array;
  /** `modalityBit` of each modality that is missing in that row. */
  readonly missing: Uint8Array;
}

/** @returns nothing when the spec's data is taken as it is */
export function trainingDataOf(spec: TrainingSpec, rows: Rows, classes: number): ChangedRows | undefined {
  const { data } = spec.training;
  return data === undefined ? undefined : changeRows(data, rows, classes, spec.modalities, spec.seed);
}

/**
 * The long tail comes first, then the share of each class that is kept, then wrong labels, then missing modalities;
 * counts are exact, rounded to whole clips.
 *
 * @param modalities that the training uses: a clip that has them all may lose one
 */
export function changeRows(
  data: TrainingData,
  rows: Rows,
  classes: number,
  modalities: readonly Modality[],
  seed: number,
): ChangedRows {
  const { keepShare = 1, longTailFactor = 1, labelNoise = 0, missing = {} } = data;
  const dataset = rows.modalities ?? modalities;
  const drawn = (purpose: string, among: Iterable<number>) =>
    inDrawnOrder(seed, purpose, among, rows.clipIds);

  const byClass = Array.from({ length: classes }, (): number[] => []);
  for (const [row, label] of rows.labels.entries()) byClass[label]!.push(row);
  const largest = Math.max(...byClass.map(({ length }) => length));
  const kept = byClass.flatMap((own, k) => {
    const tail = Math.round(largest * longTailFactor ** (-k / Math.max(1, classes - 1)));
    const inTail = Math.min(own.length, Math.max(1, tail));
    const count = Math.min(own.length, Math.max(1, Math.round(keepShare * inTail)));
    return drawn('kept clips', own).slice(0, count);
  });
  kept.sort((a, b) => a - b);

  const labels = rows.labels.slice();
  for (const row of drawn('wrong labels', kept).slice(0, Math.round(labelNoise * kept.length))) {
    const other = clipGenerator(seed, 'another label', rows.clipIds[row]!).integer(classes - 1);
    labels[row] = other < labels[row]! ? other : other + 1;
  }

  const lost = rows.missing.slice();
  const all = modalities.reduce((mask, modality) => mask | modalityBit(modality, dataset), 0);
  const complete = drawn(
    'missing modalities',
    kept.filter((row) => (rows.missing[row]! & all) === 0),
  );
  let from = 0;
  for (const modality of modalities.length > 1 ? modalities : []) {
    const to = Math.min(complete.length, from + Math.round((missing[modality] ?? 0) * complete.length));
    for (const row of complete.slice(from, to)) lost[row] = lost[row]! | modalityBit(modality, dataset);
    from = to;
  }
  return { kept: Int32Array.from(kept), labels, missing: lost };
}

/** The same split with other labels and missing modalities; rows that are not kept are still there. */
export function withTrainingData(shards: ShardSet, { labels, missing }: ChangedRows): ShardSet {
  return {
    rows: shards.rows,
    labels,
    missing,
    clipIds: shards.clipIds,
    ...(shards.modalities === undefined ? {} : { modalities: shards.modalities }),
    groups: shards.groups,
    ...(shards.files === undefined ? {} : { files: shards.files }),
    read: (row, memory) => shards.read(row, memory),
    close: () => {
      shards.close();
    },
  };
}

function clipGenerator(seed: number, purpose: string, clipId: string) {
  return randomGenerator(seed, `${purpose}/${clipId}`);
}

/** By each clip's own draw, so that a smaller count is a part of a larger one. */
function inDrawnOrder(
  seed: number,
  purpose: string,
  among: Iterable<number>,
  clipIds: readonly string[],
): number[] {
  return [...among]
    .map((row) => ({ row, draw: clipGenerator(seed, purpose, clipIds[row]!).uniform() }))
    .sort((a, b) => a.draw - b.draw || a.row - b.row)
    .map(({ row }) => row);
}
