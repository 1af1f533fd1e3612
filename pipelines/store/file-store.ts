/** A store in a folder: temporary name, fsync, rename, fsync of the folder. */
import { link, mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ModalmixError } from '../../schemas/errors.ts';
import { asFileError, codeOf } from './file-errors.ts';
import { makePrivately } from './private-folder.ts';
import { openScratchParent, ownedName } from './scratch.ts';
import type { Store } from './store.ts';

/** Of a name in a folder, and of a path, in bytes (Linux). */
const LONGEST_NAME = 255;
const LONGEST_PATH = 4_096;
const SHOWN_OF_NAME = 60;

/** Under the store's root, so that a rename never crosses file systems. */
const TEMPORARY_FOLDER = '.tmp';

export class FileStore implements Store {
  readonly uri: string;
  readonly movesFiles = true;
  readonly #root: string;

  constructor(uri: string) {
    this.#root = uri.startsWith('file://') ? fileURLToPath(uri) : resolve(uri.slice('file:'.length));
    this.uri = pathToFileURL(this.#root).href;
  }

  async get(path: string): Promise<Buffer> {
    const bytes = await this.find(path);
    if (bytes === undefined) {
      throw new ModalmixError('input', 'nothing is stored there', { where: this.#file(path) });
    }
    return bytes;
  }

  async find(path: string): Promise<Buffer | undefined> {
    return await unlessMissing(readFile(this.#file(path)));
  }

  async range(path: string, offset: number, length: number): Promise<Buffer> {
    const where = this.#file(path);
    const file = await unlessMissing(open(where, 'r'));
    if (file === undefined) throw new ModalmixError('input', 'nothing is stored there', { where });
    try {
      // Before memory is taken: a damaged table of places asks for anything.
      const isPart = offset >= 0 && length >= 0 && offset + length <= (await file.stat()).size;
      if (!isPart) throw endsBefore(offset + length, where);
      const bytes = Buffer.alloc(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) throw endsBefore(offset + length, where);
        done += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  }

  async size(path: string): Promise<number | undefined> {
    return (await unlessMissing(stat(this.#file(path))))?.size;
  }

  async writtenAt(path: string): Promise<Date | undefined> {
    return (await unlessMissing(stat(this.#file(path))))?.mtime;
  }

  async exists(path: string): Promise<boolean> {
    return (await unlessMissing(stat(this.#file(path)))) !== undefined;
  }

  async list(prefix: string): Promise<string[]> {
    const folder = this.#file(prefix);
    const entries = await unlessMissing(readdir(folder, { recursive: true, withFileTypes: true }));
    return (entries ?? [])
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.#root.length + 1))
      .map((path) => path.split(sep).join('/'))
      .sort();
  }

  async put(path: string, bytes: string | Uint8Array): Promise<void> {
    const temporary = await this.#writeTemporary(path, bytes);
    try {
      await this.putFile(path, temporary);
    } catch (error) {
      await rm(temporary, { force: true });
      throw asFileError(error, this.#file(path));
    }
  }

  async create(path: string, bytes: string | Uint8Array): Promise<boolean> {
    const target = this.#file(path);
    const temporary = await this.#writeTemporary(path, bytes);
    try {
      await mkdir(dirname(target), { recursive: true });
      await syncFile(temporary);
      // Unlike a rename, a link never replaces what is there.
      await link(temporary, target);
      await syncFile(dirname(target));
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw asFileError(error, target);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async putFile(path: string, localFile: string): Promise<void> {
    const target = this.#file(path);
    await makePrivately(this.#root);
    await mkdir(dirname(target), { recursive: true });
    await syncFile(localFile);
    await rename(localFile, target);
    await syncFile(dirname(target));
  }

  async delete(path: string): Promise<void> {
    await rm(this.#file(path), { force: true, recursive: true });
  }

  async localFile(path: string): Promise<string> {
    if (!(await this.exists(path))) {
      throw new ModalmixError('input', 'nothing is stored there', { where: this.#file(path) });
    }
    return this.#file(path);
  }

  async scratchFolder(): Promise<string> {
    const parent = join(this.#root, TEMPORARY_FOLDER);
    await openScratchParent(parent);
    const folder = join(parent, ownedName('scratch'));
    await mkdir(folder);
    return folder;
  }

  async #writeTemporary(path: string, bytes: string | Uint8Array): Promise<string> {
    const temporary = await this.#temporaryFile();
    try {
      await writeFile(temporary, bytes, { flag: 'wx' });
      return temporary;
    } catch (error) {
      await rm(temporary, { force: true });
      throw asFileError(error, this.#file(path));
    }
  }

  async #temporaryFile(): Promise<string> {
    const parent = join(this.#root, TEMPORARY_FOLDER);
    await openScratchParent(parent);
    return join(parent, ownedName('file'));
  }

  #file(path: string): string {
    const file = resolve(this.#root, path);
    if (file !== this.#root && !file.startsWith(this.#root + sep)) {
      throw new ModalmixError('internal', `the path "${path}" leaves the store`, { where: this.uri });
    }
    requireNameable(file, this.uri);
    return file;
  }
}

/** Such paths come from damaged files alone: to the system they would be an error without a word on where from. */
function requireNameable(file: string, where: string): void {
  const name = file.split(sep).find((one) => Buffer.byteLength(one) > LONGEST_NAME);
  if (name === undefined && Buffer.byteLength(file) < LONGEST_PATH) return;
  const shown = `${(name ?? file).slice(0, SHOWN_OF_NAME)}…`;
  throw new ModalmixError('input', `a file cannot be called "${shown}": that is too long`, {
    where,
    fix: 'Whatever names it is damaged: "modalmix verify" finds it.',
  });
}

function endsBefore(end: number, where: string): ModalmixError {
  return new ModalmixError('input', `the file ends before byte ${String(end)}`, { where });
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
