/** Random access to all rows of one split, for training and evaluation. */
import type { Split } from '../../schemas/clip.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import type { Modality } from '../../schemas/modality.ts';
import type { Store } from '../store/store.ts';
import { ShardFile, type ShardRow } from './shard-file.ts';

export type { ShardRow } from './shard-file.ts';

export interface OpenShardsInput {
  readonly store: Store;
  readonly manifest: DatasetManifest;
  readonly split: Split;
  /** Read only these; the others' bytes are never touched. */
  readonly modalities: readonly Modality[];
  /** Shards up to this many MiB are held in memory; the rest is read from disk row by row. */
  readonly memoryBudgetMiB: number;
}

/** All rows of one split, in the manifest's order; index 0…rows−1. */
export interface ShardSet {
  readonly rows: number;
  readonly labels: Int32Array;
  readonly clipIds: readonly string[];
  /** Per row; undefined where the dataset names no group. */
  readonly groups: readonly (string | undefined)[];
  /** Bit i is set when modality i of MODALITIES is missing in that row. */
  readonly missing: Uint8Array;
  /** Synchronous random access. The arrays may be views of held memory: read them, never write to them. */
  read(rowIndex: number): ShardRow;
  close(): void;
}

/**
 * Checks every shard's sha256 while opening it.
 *
 * @throws ModalmixError `input` naming a shard that is missing or damaged, with what was expected and found
 */
export async function openShards(input: OpenShardsInput): Promise<ShardSet> {
  const files: ShardFile[] = [];
  const close = () => {
    for (const file of files.splice(0)) file.close();
  };
  try {
    let budget = input.memoryBudgetMiB * 2 ** 20;
    for (const entry of input.manifest.shards) {
      if (entry.split !== input.split || entry.rows === 0) continue;
      const hold = entry.bytes <= budget;
      if (hold) budget -= entry.bytes;
      files.push(await ShardFile.open(input.store, entry, hold));
    }
  } catch (error) {
    close();
    throw error;
  }
  const places = files.flatMap((file) => Array.from({ length: file.rows }, (_, row) => ({ file, row })));
  return {
    rows: places.length,
    labels: Int32Array.from(files.flatMap(({ table }) => table.labels)),
    clipIds: files.flatMap(({ table }) => table.clipIds),
    groups: files.flatMap(({ table }) => table.groups),
    missing: Uint8Array.from(files.flatMap(({ table }) => table.missing)),
    read: (rowIndex) => {
      const place = places[rowIndex];
      if (place === undefined) {
        throw new ModalmixError(
          'internal',
          `row ${String(rowIndex)} of ${String(places.length)} was asked for`,
        );
      }
      return place.file.read(place.row, input.modalities);
    },
    close,
  };
}
