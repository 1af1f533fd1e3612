/** Which rows of the training split an epoch sees: all of them, or the new ones and a draw of old ones. Pure. */
import { ModalmixError } from '../../../schemas/errors.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { TrainingSpec } from '../../../schemas/training.ts';
import { randomGenerator } from '../../random/generator.ts';
import { partRows } from '../../shards/read/part-rows.ts';

export interface RowPool {
  /** Seen in every epoch. */
  readonly every: Int32Array;
  /** Rows of which `drawn` are seen, drawn anew each epoch without replacement. */
  readonly replayed?: { readonly from: Int32Array; readonly drawn: number };
}

/**
 * For a fine-tuning n new rows and round(n·s / (1 − s)) old ones, so that the share s of an epoch's clips is old;
 * fewer when there are not so many.
 *
 * @throws ModalmixError `config` when a fine-tuning has no new rows to train on, `input` when its dataset does not
 *   say which rows are new
 */
export function rowPoolOf(spec: TrainingSpec, manifest: DatasetManifest): RowPool {
  if (spec.fineTune === undefined) {
    return { every: Int32Array.from({ length: manifest.splits.train.rows }, (_, row) => row) };
  }
  const where = storePaths.manifest(manifest.name, manifest.version);
  if (manifest.snapshot === undefined) {
    throw new ModalmixError('input', 'this dataset version does not say which of its clips are new', {
      where,
      fix: 'Fine-tune on a version that was frozen from the stream.',
    });
  }
  const { inside, outside } = partRows(manifest, 'train', manifest.snapshot.newShards);
  if (inside.length === 0) {
    throw new ModalmixError('config', 'none of the new clips is in the training split', {
      where,
      fix: 'There is nothing to fine-tune on yet: wait for more clips.',
    });
  }
  const { replayShare } = spec.fineTune;
  const wanted = Math.round((inside.length * replayShare) / (1 - replayShare));
  return { every: inside, replayed: { from: outside, drawn: Math.min(wanted, outside.length) } };
}

/** In no particular order; the same number in every epoch. */
export function epochRows({ every, replayed }: RowPool, seed: number, epoch: number): Int32Array {
  if (replayed === undefined || replayed.drawn === 0) return every;
  const order = randomGenerator(seed, 'replay', epoch).permutation(replayed.from.length);
  const rows = new Int32Array(every.length + replayed.drawn);
  rows.set(every);
  for (let i = 0; i < replayed.drawn; i += 1) rows[every.length + i] = replayed.from[order[i]!]!;
  return rows;
}

/** The rows of a pool that are in `kept`; of old rows as many are drawn as before, or all that are left. */
export function keepRows({ every, replayed }: RowPool, kept: Int32Array): RowPool {
  const wanted = new Set(kept);
  const left = every.filter((row) => wanted.has(row));
  if (replayed === undefined) return { every: left };
  const from = replayed.from.filter((row) => wanted.has(row));
  return { every: left, replayed: { from, drawn: Math.min(replayed.drawn, from.length) } };
}
