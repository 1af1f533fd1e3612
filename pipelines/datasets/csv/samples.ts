import type { ListedClip } from '../dataset-adapter.ts';

/** The first clip, the last one, and one after the middle. */
export class Samples {
  #count = 0;
  #next = 1;
  #first: ListedClip | undefined;
  #middle: ListedClip | undefined;
  #last: ListedClip | undefined;

  add(clip: ListedClip): void {
    this.#count += 1;
    this.#first ??= clip;
    this.#last = clip;
    if (this.#count < this.#next) return;
    this.#middle = clip;
    this.#next *= 2;
  }

  all(): ListedClip[] {
    const all = [this.#first, this.#middle, this.#last].filter((clip) => clip !== undefined);
    return [...new Set(all)];
  }
}
