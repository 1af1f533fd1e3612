/** One clip an id: a repetition is dropped, a clip listed for test is no training clip, two labels are none. */
import { join } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';
import { partOfText, Spill } from '../store/spill.ts';
import type { FoundClips, IndexScratch, ListedClip } from './dataset-adapter.ts';
import { countedNames, NamesTally } from './names-tally.ts';

const PARTS = 256;

export class UniqueClips {
  readonly #spill: Spill<ListedClip>;
  readonly #classNames: readonly string[];
  readonly #signal: AbortSignal | undefined;
  readonly #repeated = new NamesTally();
  readonly #inTwoSplits = new NamesTally();
  readonly #conflicting = new NamesTally();
  /** By part, where all clips are in memory. */
  readonly #kept: (readonly ListedClip[])[] = [];
  #count = 0;

  private constructor(
    spill: Spill<ListedClip>,
    classNames: readonly string[],
    signal: AbortSignal | undefined,
  ) {
    this.#spill = spill;
    this.#classNames = classNames;
    this.#signal = signal;
  }

  /**
   * @param look is given each clip that stays
   * @throws ModalmixError `cancelled` on the signal, here and when they are read
   */
  static async of(
    found: FoundClips,
    { folder, held }: IndexScratch,
    signal: AbortSignal | undefined,
    look: (clip: ListedClip) => void,
  ): Promise<UniqueClips> {
    const spill = new Spill<ListedClip>(join(folder, 'listed-by-id'), PARTS, held);
    const unique = new UniqueClips(spill, found.classNames, signal);
    try {
      for await (const block of found.blocks()) {
        for (const clip of block) spill.add(partOfText(clip.clipId, PARTS), clip);
      }
      for (let part = 0; part < PARTS; part += 1) {
        unique.#goOn();
        const clips = unique.#uniqueOf(await spill.all(part), true);
        unique.#count += clips.length;
        for (const clip of clips) look(clip);
        if (spill.inMemory) unique.#kept.push(clips);
      }
    } catch (error) {
      spill.end();
      throw error;
    }
    return unique;
  }

  get count(): number {
    return this.#count;
  }

  /** What was dropped, a sentence for each reason. */
  notes(): string[] {
    const sentence = (what: string, names: NamesTally) =>
      names.count === 0 ? [] : [`${what}: ${countedNames(names.counted())}.`];
    return [
      ...sentence('Listed more than once, used once', this.#repeated),
      ...sentence('Listed for two splits, used for the test if that is one', this.#inTwoSplits),
      ...sentence('Listed with two labels, left out', this.#conflicting),
    ];
  }

  /** All, as often as it is called; always in the same order, in blocks that may be empty. */
  async *blocks(): AsyncGenerator<readonly ListedClip[]> {
    for (let part = 0; part < PARTS; part += 1) {
      this.#goOn();
      yield this.#kept[part] ?? this.#uniqueOf(await this.#spill.all(part), false);
    }
  }

  #goOn(): void {
    if (this.#signal?.aborted === true) throw new ModalmixError('cancelled', 'indexing was asked to stop');
  }

  #uniqueOf(clips: readonly ListedClip[], tells: boolean): ListedClip[] {
    const byId = new Map<string, ListedClip>();
    const repeated = new Set<string>();
    const inTwoSplits = new Set<string>();
    const conflicting = new Map<string, string>();
    for (const clip of clips) {
      const first = byId.get(clip.clipId);
      if (first === undefined) {
        byId.set(clip.clipId, clip);
      } else if (first.label !== clip.label) {
        const labels = [first, clip].map(({ label }) => this.#classNames[label] ?? String(label));
        conflicting.set(clip.clipId, `${clip.clipId}: ${labels.join(' or ')}`);
      } else if (first.split !== clip.split) {
        inTwoSplits.add(clip.clipId);
        if (clip.split === 'test') byId.set(clip.clipId, clip);
      } else {
        repeated.add(clip.clipId);
      }
    }
    for (const id of conflicting.keys()) byId.delete(id);
    if (tells) {
      for (const id of repeated) this.#repeated.add(id);
      for (const id of inTwoSplits) this.#inTwoSplits.add(id);
      for (const text of conflicting.values()) this.#conflicting.add(text);
    }
    return [...byId.values()];
  }
}
