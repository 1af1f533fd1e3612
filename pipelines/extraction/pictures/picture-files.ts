/** Still pictures and folders of them, as sources of clips. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isPictureFile } from '../../datasets/media-files.ts';

/** For a person. */
export const PICTURE_KINDS = 'jpg, png, webp, tiff';
const NATURAL = new Intl.Collator('en', { numeric: true });

/** Paths of the pictures that lie in the folder itself, in natural order (2 before 10); hidden files are none. */
export async function picturesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('.') && isPictureFile(name))
    .sort((a, b) => NATURAL.compare(a, b) || (a < b ? -1 : 1))
    .map((name) => join(folder, name));
}

/**
 * By which a source that changed is noticed.
 *
 * @returns bytes and latest modification in ms, of the file or of all pictures of the folder
 * @throws what `stat` throws
 */
export async function sourceStamp(
  path: string,
): Promise<[bytes: number, mtimeMs: number, isFolder: boolean]> {
  const facts = await stat(path);
  if (!facts.isDirectory()) return [facts.size, facts.mtimeMs, false];
  let [bytes, latest] = [0, facts.mtimeMs];
  for (const picture of await picturesIn(path)) {
    const { size, mtimeMs } = await stat(picture);
    bytes += size;
    latest = Math.max(latest, mtimeMs);
  }
  return [bytes, latest, true];
}
