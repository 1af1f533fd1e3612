/** Random access to all rows of one split, for training and evaluation. */
import type { Split } from '../../../schemas/clip.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import type { Modality } from '../../../schemas/modality.ts';
import type { Store } from '../../store/store.ts';
import { RowReader, type FileRows, type RowMemory, type ShardRow } from './row-reader.ts';
import { ShardFile } from './shard-file.ts';

export type { ShardRow } from './row-reader.ts';

export interface OpenShardsInput {
  readonly store: Store;
  readonly manifest: DatasetManifest;
  readonly split: Split;
  /** Read only these; the others' bytes are never touched. */
  readonly modalities: readonly Modality[];
}

/** All rows of one split, in the manifest's order; index 0…rows−1. */
export interface ShardSet {
  readonly rows: number;
  readonly labels: Int32Array;
  readonly clipIds: readonly string[];
  /** Per row; undefined where the dataset names no group. */
  readonly groups: readonly (string | undefined)[];
  /** `modalityBit` of each modality that is missing in that row. */
  readonly missing: Uint8Array;
  /** The dataset's, by which `modalityBit` numbers features; absent: it has none. */
  readonly modalities?: readonly Modality[];
  /** Where the rows lie, for a thread that reads them by itself; absent where they lie in no file. */
  readonly files?: readonly FileRows[];
  /**
   * Synchronous random access; nothing but the row is held in memory (the system keeps what it has room for).
   *
   * @param memory where the row's values are then, until it is used again; absent: in fresh memory
   */
  read(rowIndex: number, memory?: RowMemory): ShardRow;
  close(): void;
}

/**
 * Checks every shard's sha256 while opening it.
 *
 * @throws ModalmixError `input` naming a shard that is missing or damaged, with what was expected and found
 */
export async function openShards(input: OpenShardsInput): Promise<ShardSet> {
  const { store, manifest, split, modalities } = input;
  const shards: ShardFile[] = [];
  const close = () => {
    for (const shard of shards.splice(0)) shard.close();
  };
  try {
    for (const entry of manifest.shards) {
      if (entry.split !== split || entry.rows === 0) continue;
      shards.push(await ShardFile.open(store, entry, modalities));
    }
  } catch (error) {
    close();
    throw error;
  }
  const tables = shards.map(({ table }) => table);
  const files = shards.map(({ places }) => places);
  const reader = new RowReader(files);
  return {
    rows: reader.rows,
    labels: Int32Array.from(tables.flatMap(({ labels }) => labels)),
    clipIds: tables.flatMap(({ clipIds }) => clipIds),
    groups: tables.flatMap(({ groups }) => groups),
    modalities: manifest.modalities,
    missing: Uint8Array.from(tables.flatMap(({ missing }) => missing)),
    files,
    read: (rowIndex, memory) => reader.read(rowIndex, memory),
    close,
  };
}
