/** The split of a clip that no list names: by hash, so that it never depends on what came before. */
import { createHash } from 'node:crypto';
import type { Split } from '../../schemas/clip.ts';

export interface SplitShares {
  /** Of all clips, 0…1. */
  readonly test: number;
  /** Of the clips that are not for testing, 0…1. */
  readonly validation: number;
}

const UINT32_RANGE = 2 ** 32;

/** @param key the clip's group, or its id */
export function chooseSplit(key: string, shares: SplitShares): Split {
  const digest = createHash('sha256').update(key).digest();
  if (digest.readUInt32BE(0) / UINT32_RANGE < shares.test) return 'test';
  return digest.readUInt32BE(4) / UINT32_RANGE < shares.validation ? 'validation' : 'train';
}
