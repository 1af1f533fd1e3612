/** What the thread that sends checkpoints is asked, and what it answers. */
import type { Failure } from '../../process/failure.ts';

/** One file to bring into a store, and what is old by then. */
export interface SendRequest {
  readonly storeUri: string;
  readonly trainingId: string;
  /** In this order. */
  readonly paths: readonly string[];
  /** See `writeAside`; it is gone afterwards. */
  readonly file: string;
  readonly keepLast: number;
}

export type SendAnswer = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly failure: Failure };
