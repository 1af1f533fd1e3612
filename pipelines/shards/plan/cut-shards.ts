/**
 * Which clips share a shard: a pure function of the split's clips. Clips are ordered by the hash of their
 * id; a shard is all clips whose hash begins with the same bits, and a shard of more than `maxRows` is cut in
 * two by the next bit. So adding a clip touches the one shard it falls into (which may become two), whatever
 * the history, and sizes stay bounded.
 */
import { hash } from 'node:crypto';
import { SPLITS, type Split } from '../../../schemas/clip.ts';
import type { Spill } from '../../store/spill.ts';

const HASH_BITS = 64;
const WORD_BITS = 32;
/** Clips are parted by so many first bits of their hash. */
const PART_BITS = 8;
const PARTS_OF_SPLIT = 2 ** PART_BITS;

interface Identified {
  readonly clipId: string;
}

interface Hashed<T> {
  readonly clip: T;
  /** The hash's first 64 bits. */
  readonly high: number;
  readonly low: number;
}

function hashed<T extends Identified>(clip: T): Hashed<T> {
  const digest = hash('sha256', clip.clipId, 'buffer');
  return { clip, high: digest.readUInt32BE(0), low: digest.readUInt32BE(4) };
}

function bitOf({ high, low }: Hashed<unknown>, bit: number): number {
  return bit < WORD_BITS ? (high >>> (WORD_BITS - 1 - bit)) & 1 : (low >>> (HASH_BITS - 1 - bit)) & 1;
}

/**
 * @param maxRows ≥ 1
 * @param firstBit by which they may differ: in all bits before it their hashes are the same
 * @returns non-empty groups, in the order of their hashes; the same for any order of `clips`
 */
export function cutShards<T extends Identified>(clips: readonly T[], maxRows: number, firstBit = 0): T[][] {
  const sorted = clips.map((clip) => hashed(clip));
  sorted.sort((a, b) => a.high - b.high || a.low - b.low || (a.clip.clipId < b.clip.clipId ? -1 : 1));
  const shards: T[][] = [];
  const cut = (first: number, end: number, bit: number): void => {
    if (first === end) return;
    if (end - first <= maxRows || bit === HASH_BITS) {
      shards.push(sorted.slice(first, end).map(({ clip }) => clip));
      return;
    }
    let middle = first;
    while (middle < end && bitOf(sorted[middle]!, bit) === 0) middle += 1;
    cut(first, middle, bit + 1);
    cut(middle, end, bit + 1);
  };
  cut(0, sorted.length, firstBit);
  return shards;
}

/** Parts of a `Spill` whose clips `cutParted` cuts. */
export const CUT_PARTS = SPLITS.length * PARTS_OF_SPLIT;

/** In which of them a clip belongs. */
export function cutPartOf(clip: Identified, split: Split): number {
  const [first = 0] = hash('sha256', clip.clipId, 'buffer');
  return SPLITS.indexOf(split) * PARTS_OF_SPLIT + first;
}

/** `cutShards` of each split's clips, of which the parts that a shard may be in are in memory at a time. Parts are dropped. */
export async function* cutParted<T extends Identified>(
  clips: Spill<T>,
  maxRows: number,
): AsyncGenerator<{ readonly split: Split; readonly clips: readonly T[] }> {
  for (const [at, split] of SPLITS.entries()) {
    const first = at * PARTS_OF_SPLIT;
    for await (const shard of cutRange(clips, maxRows, first, first + PARTS_OF_SPLIT, 0)) {
      yield { split, clips: shard };
    }
  }
}

/** @param bit how many bits the hashes of the parts from `first` to before `end` have in common */
async function* cutRange<T extends Identified>(
  clips: Spill<T>,
  maxRows: number,
  first: number,
  end: number,
  bit: number,
): AsyncGenerator<T[]> {
  let count = 0;
  for (let part = first; part < end; part += 1) count += clips.counts[part]!;
  if (count === 0) return;
  if (count > maxRows && end - first > 1) {
    const middle = (first + end) / 2;
    yield* cutRange(clips, maxRows, first, middle, bit + 1);
    yield* cutRange(clips, maxRows, middle, end, bit + 1);
    return;
  }
  const members: T[] = [];
  for (let part = first; part < end; part += 1) {
    for (const clip of await clips.all(part)) members.push(clip);
    await clips.drop(part);
  }
  yield* cutShards(members, maxRows, bit);
}
