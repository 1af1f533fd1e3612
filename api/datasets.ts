/** A published dataset, row by row. */
import { loadManifest } from '../pipelines/shards/manifest/load-manifest.ts';
import { openShards, type ShardRow, type ShardSet } from '../pipelines/shards/read/shard-reader.ts';
import type { Store } from '../pipelines/store/store.ts';
import type { Split } from '../schemas/clip.ts';
import type { DatasetManifest, DatasetReference } from '../schemas/manifest.ts';
import type { Modality } from '../schemas/modality.ts';

/** `audio`: [F, T], natural logarithms. `rgb`: [T, H, W, 3], 0…255. `flow`: [T, H, W, 2]. A missing one is absent. */
export interface DatasetRow extends ShardRow {
  readonly clipId: string;
  readonly split: Split;
  /** Index into `classNames`. */
  readonly label: number;
  readonly className: string;
  /** The recording that the clip is of, where the dataset names it. */
  readonly group?: string;
}

export interface RowsOptions {
  /** Only these are read. Default: all that the dataset has. */
  readonly modalities?: readonly Modality[];
}

export interface Dataset {
  /** Shards, counts, normalisation statistics, how the features were made, and which clips could not be used. */
  readonly manifest: DatasetManifest;
  /**
   * In the manifest's order; a row at a time is held in memory.
   *
   * @throws ModalmixError `input` naming a shard that is missing or damaged
   */
  rows(split: Split, options?: RowsOptions): AsyncGenerator<DatasetRow, void>;
}

/**
 * @param dataset as `rebuild` and `readRun` give it
 * @throws ModalmixError `input` when that version is not published
 */
export async function openDataset(store: Store, { name, version }: DatasetReference): Promise<Dataset> {
  const manifest = await loadManifest(store, name, version);
  return {
    manifest,
    async *rows(split, { modalities = manifest.modalities } = {}) {
      const shards = await openShards({ store, manifest, split, modalities });
      try {
        for (let at = 0; at < shards.rows; at += 1) yield rowOf(shards, at, split, manifest);
      } finally {
        shards.close();
      }
    },
  };
}

function rowOf(shards: ShardSet, at: number, split: Split, { classNames }: DatasetManifest): DatasetRow {
  const label = shards.labels[at]!;
  const group = shards.groups[at];
  return {
    clipId: shards.clipIds[at]!,
    split,
    label,
    className: classNames[label]!,
    ...(group === undefined ? {} : { group }),
    ...shards.read(at),
  };
}
