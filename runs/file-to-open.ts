/** A page of the store as a file that a person can open. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { modalmixHome } from '../infra/folders.ts';
import type { Store } from '../pipelines/store/store.ts';

export interface FileToOpen {
  readonly file: string;
  /** What to tell of it: the file, and where it is stored when that is elsewhere. */
  readonly text: string;
}

/**
 * The store's own file; of a store elsewhere a copy under `reports` of the home folder, which stays there.
 *
 * @param path of a page that needs no other files
 * @throws ModalmixError `input` when nothing is stored there
 */
export async function fileToOpen(store: Store, path: string): Promise<FileToOpen> {
  if (store.uri.startsWith('file:')) {
    const file = await store.localFile(path);
    return { file, text: file };
  }
  const file = join(modalmixHome(), 'reports', ...path.split('/'));
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${String(process.pid)}`;
  await writeFile(temporary, await store.get(path));
  await rename(temporary, file);
  return { file, text: `${file}\n  (a copy of ${store.uri}/${path})` };
}
