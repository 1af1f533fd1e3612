/** What activities need from outside, given once by the worker. */
import type { Extractor } from '../pipelines/extraction/extractor.ts';
import type { Store } from '../pipelines/store/store.ts';

export interface Services {
  readonly openStore: (uri: string) => Store;
  readonly createExtractor: () => Extractor;
  /** Clips a shard's activity extracts at a time. */
  readonly clipsAtOnce: number;
}
