/** Clips that were just extracted, as a split of a dataset has them: what reads shards reads these the same way. */
import { missingBits } from '../../../schemas/shard.ts';
import type { Modality } from '../../../schemas/modality.ts';
import type { ShardRow } from '../read/row-reader.ts';
import type { ShardSet } from '../read/shard-reader.ts';
import { asStored } from './shard-tally.ts';

export interface ExtractedRow {
  readonly clipId: string;
  readonly features: ShardRow;
}

/**
 * The rows in the order given, all with label 0.
 *
 * @param modalities that were asked for
 * @param storage of the dataset's audio: numbers are rounded as a shard would round them
 */
export function extractedRows(
  rows: readonly ExtractedRow[],
  modalities: readonly Modality[],
  storage: 'float16' | 'float32',
): ShardSet {
  const stored = rows.map(({ features }) => asStored(features, storage));
  return {
    rows: rows.length,
    labels: new Int32Array(rows.length),
    clipIds: rows.map(({ clipId }) => clipId),
    groups: rows.map(() => undefined),
    missing: Uint8Array.from(stored, (row) =>
      missingBits((modality) => row[modality] === undefined, modalities),
    ),
    modalities,
    read: (row) => stored[row]!,
    close: () => undefined,
  };
}
