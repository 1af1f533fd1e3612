/** What a dataset format has to provide: read its own layout and lists, and say what it found. */
import type { Clip } from '../../schemas/clip.ts';
import type { ActivityProgress } from '../../schemas/progress.ts';
import { countNames, type CountedNames } from './names-tally.ts';

export interface IndexOptions {
  readonly signal?: AbortSignal | undefined;
  /** Reads a blob of the store, where the code of a plug-in is; needed by a process that did not read the config itself. */
  readonly read?: ((path: string) => Promise<Uint8Array>) | undefined;
  /** Told while clips are being made (the embedded data only: reading lists takes seconds). */
  readonly onProgress?: ((progress: ActivityProgress) => void) | undefined;
  /** false: clips of the embedded data that are not there are listed all the same, and not made. Default: true. */
  readonly makeMissing?: boolean | undefined;
}

/** Where an adapter keeps what is more than memory should hold. */
export interface IndexScratch {
  /** A local folder, which may not be there yet; the caller deletes it. */
  readonly folder: string;
  /** Records in memory before files are used. Default: `HELD_RECORDS`. */
  readonly held?: number | undefined;
}

/** A clip as its dataset names it; `split` absent: by hash of the group (or id), `testShare` of them to test. */
export type ListedClip = Omit<Clip, 'split'> & { readonly split?: Clip['split'] };

interface FoundFacts {
  readonly classNames: readonly string[];
  readonly splitRule: string;
  readonly testShare?: number;
  /** Rows of the lists, or media files where the files are the list. */
  readonly listed: number;
  readonly notes: readonly string[];
  /** Where to look when a split is empty. */
  readonly where: string;
}

export interface FoundDataset extends FoundFacts {
  /** Clips whose file is there, in any order; the same clip may come twice. */
  readonly clips: readonly ListedClip[];
  readonly listedMissing: readonly string[];
  readonly unlisted: readonly string[];
}

/** The same of a dataset whose clips may be more than memory holds. */
export interface FoundClips extends FoundFacts {
  /** Clips whose file is there, in blocks, as often as it is called; the same clip may come twice. */
  readonly blocks: () => AsyncIterable<readonly ListedClip[]>;
  /** Some of them, from its beginning, middle and end. */
  readonly samples: readonly ListedClip[];
  readonly listedMissing: CountedNames;
  readonly unlisted: CountedNames;
}

export interface DatasetAdapter<Config> {
  /** @throws ModalmixError `config`: a folder or list that is not there, a class that is none */
  findClips(config: Config, options: IndexOptions, scratch: IndexScratch): Promise<FoundDataset | FoundClips>;
}

export function asFoundClips(found: FoundDataset | FoundClips): FoundClips {
  if ('blocks' in found) return found;
  const { clips, listedMissing, unlisted, ...facts } = found;
  return {
    ...facts,
    blocks: async function* () {
      if (clips.length > 0) yield await Promise.resolve(clips);
    },
    samples: [...new Set([0, clips.length >> 1, clips.length - 1].flatMap((at) => clips[at] ?? []))],
    listedMissing: countNames(listedMissing),
    unlisted: countNames(unlisted),
  };
}
