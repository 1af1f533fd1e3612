import type { DatasetIndex } from '../../schemas/clip.ts';
import type { ExtractionConfig } from '../../schemas/config.ts';
import type { ActivityProgress } from '../../schemas/progress.ts';
import type { Store } from '../store/store.ts';

export interface PlanRebuildInput {
  readonly store: Store;
  /** The dataset's name in the store. */
  readonly name: string;
  readonly index: DatasetIndex;
  readonly extraction: ExtractionConfig;
  /** `Extractor.version` of the engine that will build the shards. */
  readonly extractorVersion: string;
  /** Source files hashed so far. */
  readonly onProgress?: (progress: ActivityProgress) => void;
  readonly signal?: AbortSignal;
}

/** A summary small enough for a Temporal payload; the plan itself is in the store. */
export interface ShardPlan {
  readonly name: string;
  /** The dataset's version, and the plan's id. */
  readonly version: string;
  readonly shards: number;
  /** Indices (0…shards−1) of the shards that `buildShard` still has to build. */
  readonly shardsToBuild: readonly number[];
  readonly clips: number;
  /** Clips of `shardsToBuild` that must be decoded. */
  readonly clipsToExtract: number;
  /** Clips whose rows are already in a shard of this or an earlier version. */
  readonly clipsReused: number;
}

export declare function planRebuild(input: PlanRebuildInput): Promise<ShardPlan>;
