import type { ShardEntry } from '../../schemas/manifest.ts';
import type { ActivityProgress } from '../../schemas/progress.ts';
import type { Extractor } from '../extraction/extractor.ts';
import type { Store } from '../store/store.ts';

export interface BuildShardInput {
  readonly store: Store;
  readonly name: string;
  /** `ShardPlan.version`. */
  readonly version: string;
  /** 0…shards−1. */
  readonly shardIndex: number;
  readonly extractor: Extractor;
  /** Clips extracted at a time; default: the machine's cores. */
  readonly concurrency?: number;
  /** Clips of this shard done so far, at most twice a second, and the last one. */
  readonly onProgress?: (progress: ActivityProgress) => void;
  readonly signal?: AbortSignal;
}

export declare function buildShard(input: BuildShardInput): Promise<ShardEntry>;
