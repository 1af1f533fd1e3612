/** What the thread that makes batches is asked, and what it answers. */
import type { Modality } from '../../../schemas/modality-names.ts';
import type { Failure } from '../../process/failure.ts';
import type { FileRows } from '../../shards/read/row-reader.ts';
import type { Batch, BatchReaderOptions, Variation } from './batches.ts';

/** A split as it can be sent: the files are open, and stay so until the session is closed. */
export interface ThreadSplit {
  readonly files: readonly FileRows[];
  readonly labels: Int32Array;
  readonly missing: Uint8Array;
  /** The dataset's; see `ShardSet`. */
  readonly modalities: readonly Modality[];
}

export type BatchRequestBody =
  | {
      readonly kind: 'open';
      readonly splits: Readonly<Record<string, ThreadSplit>>;
      readonly options: BatchReaderOptions;
    }
  | {
      readonly kind: 'read';
      readonly split: string;
      readonly rows: Int32Array;
      readonly variation: Variation | undefined;
      /** Which of the session's places the images are written to. */
      readonly place: number;
    }
  | { readonly kind: 'close' };

/** `session` is a number that the asking side gives. */
export type BatchRequest = BatchRequestBody & { readonly session: number };

export type BatchAnswer =
  | { readonly kind: 'done' }
  /** Its images lie in memory that both threads see. */
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'failed'; readonly failure: Failure };
