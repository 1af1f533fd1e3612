/** Content hashes of source files, remembered by path, size and modification time. */
import { createHash } from 'node:crypto';
import { picturesIn, sourceStamp } from '../../extraction/pictures/picture-files.ts';
import { storePaths } from '../../../schemas/names.ts';
import { codeOf } from '../../store/file-errors.ts';
import { hashFile } from '../../store/hash-file.ts';
import type { Store } from '../../store/store.ts';
import {
  CLIPS_PER_PART,
  digitsFor,
  partNames,
  partOf,
  readFormat1,
  readPart,
  storedParts,
  writePart,
  type KnownHash,
  type KnownHashes,
} from './hash-parts.ts';

/** [bytes, modification time in ms]. */
export type Stamp = [number, number];

/** Stands for an audio file that cannot be used. */
export const NO_STAMP: Stamp = [-1, -1];

export type SourceFacts =
  | { readonly sha256: string; readonly stamp: Stamp }
  | { readonly problem: { readonly code: string; readonly reason: string } };

export interface SourceHashesOptions {
  /** Parts stay in memory, for a caller that asks again and does not save. Default: false. */
  readonly keep?: boolean;
  /** Default: `CLIPS_PER_PART`. */
  readonly clipsPerPart?: number;
}

/** Of one dataset. A part that was taken is not held on to: take it, hash its clips, save it. */
export class SourceHashes {
  readonly #store: Store;
  readonly #name: string;
  readonly #options: SourceHashesOptions;
  readonly #stored: readonly string[];
  readonly #hasFormat1: boolean;
  readonly #kept = new Map<string, HashPart>();
  /** Of parts with fewer digits, the last of each number of digits: by the names of today's parts. */
  readonly #coarse = new Map<number, { readonly name: string; readonly byPart: Map<string, KnownHashes> }>();
  readonly #written = new Set<string>();
  #digits: number | undefined;

  private constructor(
    store: Store,
    name: string,
    options: SourceHashesOptions,
    stored: readonly string[],
    hasFormat1: boolean,
  ) {
    this.#store = store;
    this.#name = name;
    this.#options = options;
    this.#stored = stored;
    this.#hasFormat1 = hasFormat1;
  }

  static async open(store: Store, name: string, options: SourceHashesOptions = {}): Promise<SourceHashes> {
    const hasFormat1 = await store.exists(storePaths.sourceHashesFormat1(name));
    return new SourceHashes(store, name, options, await storedParts(store, name), hasFormat1);
  }

  /** Digits of the parts' names, for `partOf`: enough for so many clips, and never fewer than are stored. */
  digits(clips: number): number {
    this.#digits ??= Math.max(
      digitsFor(clips, this.#options.clipsPerPart ?? CLIPS_PER_PART),
      ...this.#stored.map((part) => part.length),
    );
    return this.#digits;
  }

  /** @param part of as many digits as `digits` says */
  async part(part: string): Promise<HashPart> {
    const kept = this.#kept.get(part);
    if (kept !== undefined) return kept;
    const known: KnownHashes = new Map();
    // What is known by fewer digits is older.
    for (let digits = this.#hasFormat1 ? -1 : 0; digits < part.length; digits += 1) {
      const found = await this.#coarsePart(part, digits);
      for (const [path, hash] of found ?? []) known.set(path, hash);
    }
    const inherits = known.size > 0;
    if (this.#stored.includes(part)) {
      for (const [path, hash] of await readPart(this.#store, this.#name, part)) known.set(path, hash);
    }
    const hashes = new HashPart(known, inherits, async (all) => {
      await writePart(this.#store, this.#name, part, all);
    });
    if (this.#options.keep === true) this.#kept.set(part, hashes);
    return hashes;
  }

  /** Notes that a part is written, with what was remembered in files of fewer digits. */
  done(part: string): void {
    this.#written.add(part);
  }

  /** Files of fewer digits and of earlier releases go, once all that they hold is in today's parts. */
  async retire(): Promise<void> {
    const digits = this.#digits ?? 0;
    const coarse = this.#stored.filter((part) => part.length < digits);
    if (coarse.length === 0 && !this.#hasFormat1) return;
    for (const part of partNames(digits)) {
      if (!this.#written.has(part)) await (await this.part(part)).save();
    }
    for (const part of coarse) await this.#store.delete(storePaths.sourceHashes(this.#name, part));
    if (this.#hasFormat1) await this.#store.delete(storePaths.sourceHashesFormat1(this.#name));
    this.#coarse.clear();
  }

  /** @param digits −1 for the file of earlier releases */
  async #coarsePart(part: string, digits: number): Promise<KnownHashes | undefined> {
    const name = digits === -1 ? 'format 1' : part.slice(0, digits);
    if (digits !== -1 && !this.#stored.includes(name)) return undefined;
    let held = this.#coarse.get(digits);
    if (held?.name !== name) {
      const all =
        digits === -1
          ? await readFormat1(this.#store, this.#name)
          : await readPart(this.#store, this.#name, name);
      const byPart = new Map<string, KnownHashes>();
      for (const [path, hash] of all) {
        const own = partOf(path, part.length);
        const hashes = byPart.get(own) ?? new Map<string, KnownHash>();
        byPart.set(own, hashes.set(path, hash));
      }
      held = { name, byPart };
      this.#coarse.set(digits, held);
    }
    return held.byPart.get(part);
  }
}

/** The hashes of some of a dataset's sources. */
export class HashPart {
  readonly #known: KnownHashes;
  readonly #write: (known: KnownHashes) => Promise<void>;
  readonly #running = new Map<string, Promise<SourceFacts>>();
  #changed: boolean;

  constructor(known: KnownHashes, changed: boolean, write: (known: KnownHashes) => Promise<void>) {
    this.#known = known;
    this.#changed = changed;
    this.#write = write;
  }

  /** Facts of one file, read at most once; never throws for what is the file's own fault. */
  async hash(path: string, maxBytes: number): Promise<SourceFacts> {
    let facts = this.#running.get(path);
    if (facts === undefined) {
      facts = this.#hash(path, maxBytes);
      this.#running.set(path, facts);
    }
    return await facts;
  }

  /** Nothing is written where nothing was learnt. */
  async save(): Promise<void> {
    if (!this.#changed) return;
    this.#changed = false;
    try {
      await this.#write(this.#known);
    } catch (error) {
      this.#changed = true;
      throw error;
    }
  }

  async #hash(path: string, maxBytes: number): Promise<SourceFacts> {
    try {
      const [size, mtimeMs, isFolder] = await sourceStamp(path);
      if (size === 0) return { problem: { code: 'empty', reason: 'the file is empty' } };
      if (size > maxBytes) {
        const mib = (bytes: number) => String(Math.ceil(bytes / 2 ** 20));
        return {
          problem: {
            code: 'too-large',
            reason: `${mib(size)} MiB; extraction.limits.clipMaxMiB is ${mib(maxBytes)}`,
          },
        };
      }
      const known = this.#known.get(path);
      if (known?.[0] === size && known[1] === mtimeMs) return { sha256: known[2], stamp: [size, mtimeMs] };
      const sha256 = isFolder ? await hashSource(path) : await hashFile(path, size);
      this.#known.set(path, [size, mtimeMs, sha256]);
      this.#changed = true;
      return { sha256, stamp: [size, mtimeMs] };
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') {
        return { problem: { code: 'missing-file', reason: 'the file is not there any more' } };
      }
      if (code === 'EACCES' || code === 'EPERM' || code === 'EISDIR' || code === 'EIO') {
        return { problem: { code: 'unreadable', reason: `the file cannot be read (${code})` } };
      }
      throw error;
    }
  }
}

/** Of a file; of a folder its pictures, in their order, and nothing else that lies there. */
export async function hashSource(path: string): Promise<string> {
  const [, , isFolder] = await sourceStamp(path);
  if (!isFolder) return await hashFile(path);
  const hash = createHash('sha256');
  for (const picture of await picturesIn(path)) hash.update(`${await hashFile(picture)}\n`);
  return hash.digest('hex');
}

/** The hash of a clip's files: the only one's; with a separate audio file, of both hashes. */
export function combineHashes(hashes: readonly string[]): string {
  return hashes.length === 1
    ? (hashes[0] ?? '')
    : createHash('sha256').update(hashes.join('\n')).digest('hex');
}

/**
 * What a row was extracted from, the shards' `source_sha256`: the files' hash; of a segment, its times belong
 * to it too.
 *
 * @param files see `combineHashes`
 */
export function contentHash(
  files: string,
  { startS = 0, endS }: { readonly startS?: number | undefined; readonly endS?: number | undefined },
): string {
  if (startS === 0 && endS === undefined) return files;
  return createHash('sha256')
    .update(`${files}\n${String(startS)}\n${String(endS ?? 'end')}`)
    .digest('hex');
}
