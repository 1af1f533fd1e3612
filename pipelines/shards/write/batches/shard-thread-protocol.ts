/** What a thread that writes shards is asked, and what it answers. */
import type { ShardEntry } from '../../../../schemas/manifest.ts';
import type { ShardSchemaInput } from '../../../../schemas/shard.ts';
import type { BatchContent } from './batch-memory.ts';
import type { RowLine } from './batch-columns.ts';
import type { WrittenFile } from './batch-writer.ts';

export type ShardRequestBody =
  | {
      readonly kind: 'create';
      readonly path: string;
      readonly schema: ShardSchemaInput;
      readonly readSoon: boolean;
    }
  | { readonly kind: 'write'; readonly lines: readonly RowLine[]; readonly batch: BatchContent }
  | { readonly kind: 'finish' }
  | { readonly kind: 'abandon' };

/** `file` is a number that the asking side gives. */
export type ShardRequest = ShardRequestBody & { readonly file: number };

export type FinishedShard = WrittenFile & Pick<ShardEntry, 'classCounts' | 'missingCounts' | 'sums'>;

export type ShardAnswer =
  | { readonly kind: 'done' }
  /** With the batch's memory, to be used again. */
  | { readonly kind: 'written'; readonly batch: BatchContent }
  | { readonly kind: 'finished'; readonly shard: FinishedShard }
  /** `code`: the system's, e.g. `ENOSPC`. */
  | { readonly kind: 'failed'; readonly message: string; readonly code?: string };
