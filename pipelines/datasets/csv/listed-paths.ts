/** Of the files that a table names: which are cut into several clips, and which files beside them it does not name. */
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { Spill } from '../../store/spill.ts';
import type { IndexScratch } from '../dataset-adapter.ts';
import { NamesTally, type CountedNames } from '../names-tally.ts';
import { Recent } from '../recent.ts';

const PARTS = 256;
/** Of a path's hash, as a whole number that a double holds. */
const HASH_BYTES = 6;
const HASHES_A_PART = 2 ** (8 * HASH_BYTES) / PARTS;

/** [path, what names it, id of the clip where it is the clip's own file]. */
type NamedPath = readonly [string, 'clip' | 'sound' | 'found', string?];

export class ListedPaths {
  readonly #spill: Spill<NamedPath>;
  readonly #hashes = new Recent(hashOf);
  #severalHashes = new Float64Array();

  constructor({ folder, held }: IndexScratch) {
    this.#spill = new Spill(join(folder, 'paths'), PARTS, held);
  }

  /** All that clips name come before those that were found. */
  clip(path: string, clipId: string): void {
    this.#spill.add(this.#partOf(path), [path, 'clip', clipId]);
  }

  sound(path: string): void {
    this.#spill.add(this.#partOf(path), [path, 'sound']);
  }

  found(path: string): void {
    this.#spill.add(this.#partOf(path), [path, 'found']);
  }

  /**
   * Once, after the last path.
   *
   * @param told how a file that no clip names is told
   */
  async settle(told: (path: string) => string): Promise<{ readonly unlisted: CountedNames }> {
    const unlisted = new NamesTally();
    const several: number[] = [];
    try {
      for (let part = 0; part < PARTS; part += 1) {
        const clipOf = new Map<string, string | undefined>();
        const cut = new Set<string>();
        for await (const block of this.#spill.read(part)) {
          for (const [path, by, clipId] of block) {
            if (by === 'found') {
              if (!clipOf.has(path)) unlisted.add(told(path));
              continue;
            }
            const other = clipOf.get(path);
            if (other === undefined) clipOf.set(path, clipId);
            else if (clipId !== undefined && other !== clipId) cut.add(path);
          }
        }
        for (const path of cut) several.push(hashOf(path));
        await this.#spill.drop(part);
      }
    } finally {
      this.end();
    }
    this.#severalHashes = Float64Array.from(several).sort();
    return { unlisted: unlisted.counted() };
  }

  /** For whoever stops before. */
  end(): void {
    this.#spill.end();
  }

  /** Whether any file has several clips. */
  get hasSeveral(): boolean {
    return this.#severalHashes.length > 0;
  }

  /** Whether clips of several ids are cut from this file. */
  isSeveral(path: string): boolean {
    if (!this.hasSeveral) return false;
    const wanted = this.#hashes.get(path);
    let [from, to] = [0, this.#severalHashes.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#severalHashes[middle]! < wanted) from = middle + 1;
      else to = middle;
    }
    return this.#severalHashes[from] === wanted;
  }

  #partOf(path: string): number {
    return Math.floor(this.#hashes.get(path) / HASHES_A_PART);
  }
}

function hashOf(path: string): number {
  return hash('sha256', path, 'buffer').readUIntBE(0, HASH_BYTES);
}
