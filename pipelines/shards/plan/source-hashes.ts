/** Content hashes of source files, remembered by path, size and modification time. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { picturesIn, sourceStamp } from '../../extraction/pictures/picture-files.ts';
import { storePaths } from '../../../schemas/names.ts';
import { codeOf } from '../../store/file-errors.ts';
import { hashFile } from '../../store/hash-file.ts';
import type { Store } from '../../store/store.ts';

const cacheSchema = z.record(z.string(), z.tuple([z.number(), z.number(), z.string()]));

/** [bytes, modification time in ms]. */
export type Stamp = [number, number];

/** Stands for an audio file that cannot be used. */
export const NO_STAMP: Stamp = [-1, -1];

export type SourceFacts =
  | { readonly sha256: string; readonly stamp: Stamp }
  | { readonly problem: { readonly code: string; readonly reason: string } };

export class SourceHashes {
  readonly #store: Store;
  readonly #path: string;
  readonly #known: Map<string, [number, number, string]>;
  readonly #running = new Map<string, Promise<SourceFacts>>();
  #changed = false;

  private constructor(store: Store, path: string, known: Map<string, [number, number, string]>) {
    this.#store = store;
    this.#path = path;
    this.#known = known;
  }

  static async open(store: Store, name: string): Promise<SourceHashes> {
    const path = storePaths.sourceHashes(name);
    const bytes = await store.find(path);
    let known = new Map<string, [number, number, string]>();
    try {
      if (bytes !== undefined)
        known = new Map(Object.entries(cacheSchema.parse(JSON.parse(bytes.toString('utf8')))));
    } catch {
      // Only a cache: what cannot be read is hashed again.
    }
    return new SourceHashes(store, path, known);
  }

  /** Facts of one file, read at most once a session; never throws for what is the file's own fault. */
  async hash(path: string, maxBytes: number): Promise<SourceFacts> {
    let facts = this.#running.get(path);
    if (facts === undefined) {
      facts = this.#hash(path, maxBytes);
      this.#running.set(path, facts);
    }
    return await facts;
  }

  async save(): Promise<void> {
    if (!this.#changed) return;
    await this.#store.put(this.#path, JSON.stringify(Object.fromEntries(this.#known)));
    this.#changed = false;
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
