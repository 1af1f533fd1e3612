/** The indices of the shards that a rebuild has to build, in the store, so that a workflow can page through them. */
import { createHash } from 'node:crypto';
import { storePaths } from '../../../schemas/names.ts';
import type { Store } from '../../store/store.ts';

const INDEX_BYTES = 4;
const HASH_DIGITS = 16;

export interface ShardListPlace {
  readonly name: string;
  /** The plan's. */
  readonly version: string;
  /** Which list of this plan. */
  readonly list: string;
}

/** @returns the list's name, its content's hash: the same list is written once */
export async function writeShardList(
  store: Store,
  name: string,
  version: string,
  indices: readonly number[],
): Promise<string> {
  const bytes = Buffer.alloc(indices.length * INDEX_BYTES);
  indices.forEach((index, i) => bytes.writeUInt32LE(index, i * INDEX_BYTES));
  const list = createHash('sha256').update(bytes).digest('hex').slice(0, HASH_DIGITS);
  await store.create(storePaths.shardList(name, version, list), bytes);
  return list;
}

/** @returns `count` of them from the `from`-th on */
export async function readShardList(
  store: Store,
  { name, version, list }: ShardListPlace,
  from: number,
  count: number,
): Promise<number[]> {
  const path = storePaths.shardList(name, version, list);
  const bytes = await store.range(path, from * INDEX_BYTES, count * INDEX_BYTES);
  return Array.from({ length: count }, (_, i) => bytes.readUInt32LE(i * INDEX_BYTES));
}
