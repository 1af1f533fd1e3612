import type { Split } from '../../schemas/clip.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import type { Modality } from '../../schemas/modality.ts';
import type { AudioFeature, PictureFeature } from '../extraction/extractor.ts';
import type { Store } from '../store/store.ts';

export interface OpenShardsInput {
  readonly store: Store;
  readonly manifest: DatasetManifest;
  readonly split: Split;
  /** Read only these; the others' bytes are never touched. */
  readonly modalities: readonly Modality[];
  /** Shards up to this many MiB are held in memory; the rest is read from disk row by row. */
  readonly memoryBudgetMiB: number;
}

/** One row's features; a modality that is missing (or was not asked for) is absent. */
export interface ShardRow {
  readonly audio?: AudioFeature;
  readonly rgb?: PictureFeature;
  readonly flow?: PictureFeature;
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

export declare function openShards(input: OpenShardsInput): Promise<ShardSet>;
