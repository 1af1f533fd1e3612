/** What a dataset format has to provide: read its own layout and lists, and say what it found. */
import type { Clip } from '../../schemas/clip.ts';
import type { ActivityProgress } from '../../schemas/progress.ts';

export interface IndexOptions {
  readonly signal?: AbortSignal | undefined;
  /** Reads a blob of the store, where the code of a plug-in is; needed by a process that did not read the config itself. */
  readonly read?: ((path: string) => Promise<Uint8Array>) | undefined;
  /** Told while clips are being made (the embedded data only: reading lists takes seconds). */
  readonly onProgress?: ((progress: ActivityProgress) => void) | undefined;
  /** false: clips of the embedded data that are not there are listed all the same, and not made. Default: true. */
  readonly makeMissing?: boolean | undefined;
}

/** A clip as its dataset names it; `split` absent: by hash of the group (or id), `testShare` of them to test. */
export type ListedClip = Omit<Clip, 'split'> & { readonly split?: Clip['split'] };

export interface FoundDataset {
  readonly classNames: readonly string[];
  /** Clips whose file is there, in any order; the same clip may come twice. */
  readonly clips: readonly ListedClip[];
  readonly splitRule: string;
  readonly testShare?: number;
  /** Rows of the lists, or media files where the files are the list. */
  readonly listed: number;
  readonly listedMissing: readonly string[];
  readonly unlisted: readonly string[];
  readonly notes: readonly string[];
  /** Where to look when a split is empty. */
  readonly where: string;
}

export interface DatasetAdapter<Config> {
  /** @throws ModalmixError `config`: a folder or list that is not there, a class that is none */
  findClips(config: Config, options: IndexOptions): Promise<FoundDataset>;
}
