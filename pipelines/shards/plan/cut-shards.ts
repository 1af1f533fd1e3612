/**
 * Which clips share a shard: a pure function of the split's clips. Clips are ordered by the hash of their
 * id; a shard is all clips whose hash begins with the same bits, and a shard of more than `maxRows` is cut in
 * two by the next bit. So adding a clip touches the one shard it falls into (which may become two), whatever
 * the history, and sizes stay bounded.
 */
import { createHash } from 'node:crypto';

const HASH_BITS = 64;

/**
 * @param maxRows ≥ 1
 * @returns non-empty groups, in the order of their hashes; the same for any order of `clips`
 */
export function cutShards<T extends { readonly clipId: string }>(
  clips: readonly T[],
  maxRows: number,
): T[][] {
  const hashed = clips.map((clip) => ({
    clip,
    hash: createHash('sha256').update(clip.clipId).digest().readBigUInt64BE(0),
  }));
  hashed.sort((a, b) => {
    if (a.hash !== b.hash) return a.hash < b.hash ? -1 : 1;
    return a.clip.clipId < b.clip.clipId ? -1 : 1;
  });
  const shards: T[][] = [];
  const cut = (first: number, end: number, bit: number): void => {
    if (first === end) return;
    if (end - first <= maxRows || bit === HASH_BITS) {
      shards.push(hashed.slice(first, end).map(({ clip }) => clip));
      return;
    }
    const mask = 1n << BigInt(HASH_BITS - 1 - bit);
    let middle = first;
    while (middle < end && ((hashed[middle]?.hash ?? 0n) & mask) === 0n) middle += 1;
    cut(first, middle, bit + 1);
    cut(middle, end, bit + 1);
  };
  cut(0, hashed.length, 0);
  return shards;
}
