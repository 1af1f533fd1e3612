/** Clips of an index, however many: read in blocks, as often as wanted. */
import type { Clip, IndexReport } from '../../schemas/clip.ts';

export interface ClipStream {
  readonly count: number;
  /** All clips from the first one on, in blocks. */
  blocks(): AsyncIterable<readonly Clip[]>;
}

/** A `DatasetIndex` of which only a part is in memory. */
export interface StreamedIndex {
  readonly classNames: readonly string[];
  /** Unique, in no order that means anything. */
  readonly clips: ClipStream;
  readonly report: IndexReport;
}

const BLOCK = 4_096;

export function streamOf(clips: readonly Clip[]): ClipStream {
  return {
    count: clips.length,
    blocks: async function* () {
      for (let from = 0; from < clips.length; from += BLOCK) {
        yield await Promise.resolve(clips.slice(from, from + BLOCK));
      }
    },
  };
}

export function isStream(clips: readonly Clip[] | ClipStream): clips is ClipStream {
  return 'blocks' in clips;
}
