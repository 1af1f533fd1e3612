/** The split of a clip that no list, no earlier row and no group decides: by hash, as the index stage does. */
import type { Split } from '../../../schemas/clip.ts';
import { splitClips } from '../../datasets/split-clips.ts';

export interface SplitShares {
  /** Of all clips, 0…1. */
  readonly test: number;
  /** Of the clips that are not for testing, 0…1. */
  readonly validation: number;
}

export function chooseSplit(clipId: string, group: string | undefined, shares: SplitShares): Split {
  const clip = { clipId, path: '-', label: 0, ...(group === undefined ? {} : { group }) };
  const [placed] = splitClips([clip], shares);
  return placed?.split ?? 'train';
}
