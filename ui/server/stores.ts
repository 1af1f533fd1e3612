/** The stores that the page may read: the one it was started for, and those of runs that are believed. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openStore } from '../../pipelines/store/open-store.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { notThere } from './problems.ts';
import type { StoreFacts } from '../wire.ts';

const ID_DIGITS = 10;

export class Stores {
  readonly #stores = new Map<string, Store>();

  /** @param uri of the store that is there from the start */
  constructor(uri: string) {
    this.add(uri);
  }

  /** @returns its id. @throws ModalmixError `config` where the URI is none */
  add(uri: string): string {
    const store = openStore(uri);
    const id = createHash('sha256').update(store.uri).digest('hex').slice(0, ID_DIGITS);
    if (!this.#stores.has(id)) this.#stores.set(id, store);
    return id;
  }

  /** @throws ModalmixError `input` for an id that is none */
  get(id: string): Store {
    const store = this.#stores.get(id);
    if (store === undefined) throw notThere('this store');
    return store;
  }

  list(): StoreFacts[] {
    return [...this.#stores].map(([id, { uri }]) => ({ id, uri }));
  }
}

/** A name that is one folder or file, and no way out of where it is put. */
export function isName(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- a path with a zero byte is none
  return text.length > 0 && text.length <= 255 && !/[/\\\u0000]/u.test(text) && text !== '.' && text !== '..';
}

/** @throws ModalmixError `input` where it is none */
export function nameOf(text: string | undefined): string {
  if (text !== undefined && isName(text)) return text;
  throw notThere('this');
}

/**
 * What is stored at a path; of a folder only what really lies in it, whatever links lead out.
 *
 * @throws ModalmixError `input` where nothing is, or it is elsewhere
 */
export async function storedBytes(store: Store, path: string): Promise<Buffer> {
  if (store.uri.startsWith('file:')) {
    const file = await store.localFile(path);
    if (!(await liesIn(file, [fileURLToPath(store.uri)]))) throw notThere('this file');
  }
  return await store.get(path);
}

/** Whether a file really lies in one of the folders, by the real paths of both. */
export async function liesIn(file: string, folders: readonly string[]): Promise<boolean> {
  const real = await realPath(file);
  if (real === undefined) return false;
  for (const folder of folders) {
    const root = await realPath(folder);
    if (root !== undefined && real.startsWith(root.endsWith(sep) ? root : root + sep)) return true;
  }
  return false;
}

async function realPath(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch {
    return undefined;
  }
}
