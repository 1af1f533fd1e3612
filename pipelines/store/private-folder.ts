/** Folders of what clips show: who makes one is the only one who can read it, until that person says otherwise. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from './file-errors.ts';

/** Makes the folder where there is none; one that is there keeps its mode. */
export async function makePrivately(folder: string): Promise<void> {
  if ((await stat(folder).catch(() => undefined)) !== undefined) return;
  await mkdir(dirname(folder), { recursive: true });
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    // Another process was at the same.
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}
