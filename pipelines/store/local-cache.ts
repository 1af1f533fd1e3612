/**
 * Local copies of a remote store's blobs, for readers that need a file. A copy is named by what it is a copy of
 * (place and ETag), so it never goes stale; it appears by a rename, so any number of processes may share the
 * folder; its hash lies beside it, and a copy that is no longer what was fetched is fetched again; the least recently used
 * ones go when the folder grows too large.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { hashFile } from './hash-file.ts';
import { makePrivately } from './private-folder.ts';
import { openScratchParent, ownedName } from './scratch.ts';

export interface Version {
  /** The blob's full URI. */
  readonly uri: string;
  readonly etag: string;
  readonly bytes: number;
}

const GIB = 2 ** 30;
const DEFAULT_LIMIT_GIB = 50;
/** A file that was handed out is about to be opened, or copied from. */
const IN_USE_MS = 10 * 60_000;
/** Scratch and half-finished downloads of processes that were killed. */
const ABANDONED_MS = 3 * 24 * 3_600_000;
const SWEEP_EVERY_MS = 5_000;
/** Of the file beside a copy that holds its sha256. */
const HASH_SUFFIX = '.sha256';

export class LocalCache {
  readonly #folder: string;
  readonly #limitBytes: number;
  readonly #running = new Map<string, Promise<string>>();
  /** Copies that this process has found whole, with their file and its time then. */
  readonly #whole = new Map<string, string>();
  #sweptAt = -Infinity;

  constructor(folder: string, limitBytes: number) {
    this.#folder = folder;
    this.#limitBytes = limitBytes;
  }

  /**
   * The copy of this version, fetched when it is not there; callers of one process share a fetch.
   *
   * @param fetch writes the bytes to the path it is given
   */
  async file(version: Version, fetch: (path: string) => Promise<void>): Promise<string> {
    const path = this.#place(version);
    const running = this.#running.get(path);
    if (running !== undefined) return await running;
    const obtained = this.#obtain(path, version, fetch).finally(() => this.#running.delete(path));
    this.#running.set(path, obtained);
    return await obtained;
  }

  /** Takes a finished file of ours as the copy of what it was just stored as; the file is gone afterwards. */
  async adopt(version: Version, file: string): Promise<void> {
    const path = this.#place(version);
    try {
      await makePrivately(this.#folder);
      await mkdir(join(path, '..'), { recursive: true });
      await this.#sign(path, file);
      await rename(file, path);
    } catch {
      // On another disk, or no room: the copy is a saving, not a duty.
      await rm(file, { force: true });
      return;
    }
    await this.#sweep();
  }

  async scratchFolder(): Promise<string> {
    const parent = join(this.#folder, 'scratch');
    await openScratchParent(parent);
    const folder = join(parent, ownedName('scratch'));
    await mkdir(folder);
    return folder;
  }

  async #obtain(path: string, version: Version, fetch: (path: string) => Promise<void>): Promise<string> {
    if ((await sizeOf(path)) === version.bytes && (await this.#isWhole(path))) {
      await this.#use(path);
      return path;
    }
    const parent = join(this.#folder, 'scratch');
    await makePrivately(this.#folder);
    await mkdir(parent, { recursive: true });
    const part = join(parent, `part-${randomUUID()}`);
    try {
      await fetch(part);
      const found = await sizeOf(part);
      if (found !== version.bytes) {
        throw new ModalmixError('transient', `${String(found)} of ${String(version.bytes)} bytes were read`, {
          where: version.uri,
        });
      }
      await mkdir(join(path, '..'), { recursive: true });
      await this.#sign(path, part);
      await rename(part, path);
    } finally {
      await rm(part, { force: true });
    }
    await this.#sweep();
    return path;
  }

  /** The hash of what is about to become the copy, beside it. */
  async #sign(path: string, file: string): Promise<void> {
    const temporary = `${path}.${randomUUID()}`;
    await writeFile(temporary, await hashFile(file));
    await rename(temporary, path + HASH_SUFFIX);
  }

  /** Whether the copy is still what was fetched; read once a process, as long as nobody writes to it. */
  async #isWhole(path: string): Promise<boolean> {
    const { mtimeMs, ino } = await stat(path);
    const state = `${String(ino)}:${String(mtimeMs)}`;
    if (this.#whole.get(path) === state) return true;
    const signed = await readFile(path + HASH_SUFFIX, 'utf8').catch(() => undefined);
    return signed !== undefined && signed === (await hashFile(path));
  }

  async #use(path: string): Promise<void> {
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined);
    const { mtimeMs, ino } = await stat(path);
    this.#whole.set(path, `${String(ino)}:${String(mtimeMs)}`);
  }

  #place({ uri, etag }: Version): string {
    const key = createHash('sha256').update(`${uri}\0${etag}`).digest('hex').slice(0, 32);
    return join(this.#folder, 'blobs', key.slice(0, 2), `${key}-${basename(uri).slice(-80)}`);
  }

  async #sweep(): Promise<void> {
    const now = Date.now();
    if (now - this.#sweptAt < SWEEP_EVERY_MS) return;
    this.#sweptAt = now;
    const files = await filesUnder(join(this.#folder, 'blobs'));
    const blobs = files.filter(({ path }) => !path.endsWith(HASH_SUFFIX));
    let total = blobs.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes, usedAt } of blobs.sort((a, b) => a.usedAt - b.usedAt)) {
      if (total <= this.#limitBytes || now - usedAt < IN_USE_MS) break;
      await rm(path, { force: true });
      await rm(path + HASH_SUFFIX, { force: true });
      total -= bytes;
    }
    for (const entry of await readdir(join(this.#folder, 'scratch')).catch(() => [])) {
      const path = join(this.#folder, 'scratch', entry);
      const facts = await stat(path).catch(() => undefined);
      if (facts !== undefined && now - facts.mtimeMs > ABANDONED_MS)
        await rm(path, { recursive: true, force: true });
    }
  }
}

/**
 * The machine's cache as the environment has it: under `MODALMIX_HOME` of the working folder, 50 GiB.
 *
 * @throws ModalmixError `config` when the limit is no number
 */
export function localCacheFromEnvironment(): LocalCache {
  const home = process.env[ENVIRONMENT.home];
  const named = process.env[ENVIRONMENT.s3CacheGib];
  const limit = named === undefined || named === '' ? DEFAULT_LIMIT_GIB : Number(named);
  if (!(limit >= 0)) {
    throw new ModalmixError('config', `"${String(named)}" is no number of GiB`, {
      where: ENVIRONMENT.s3CacheGib,
    });
  }
  return new LocalCache(
    join(resolve(home === undefined || home === '' ? '.modalmix' : home), 's3-cache'),
    limit * GIB,
  );
}

async function filesUnder(folder: string): Promise<{ path: string; bytes: number; usedAt: number }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const found = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name);
        const facts = await stat(path).catch(() => undefined);
        return facts === undefined ? [] : [{ path, bytes: facts.size, usedAt: facts.mtimeMs }];
      }),
  );
  return found.flat();
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}
