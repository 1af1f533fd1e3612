/** Materialises the ranges that its one argument names, as JSON; for tests that kill it. */
import { openStore } from '../../../../../pipelines/store/open-store.ts';
import {
  materialiseRanges,
  type MaterialiseRangesInput,
} from '../../../../../pipelines/streaming/ranges/materialise-ranges.ts';

export type MaterialiseOrder = Pick<MaterialiseRangesInput, 'target' | 'shares' | 'ranges' | 'connection'> & {
  readonly storeUri: string;
};

const { storeUri, ...order } = JSON.parse(process.argv[2] ?? '') as MaterialiseOrder;
const { signal } = new AbortController();
await materialiseRanges({ ...order, store: openStore(storeUri), signal });
