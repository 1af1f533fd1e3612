/** Files that stand in for media that were never fetched: Git LFS leaves a few lines of text under the media's name. */
import { open } from 'node:fs/promises';

/** The first line of a pointer (git-lfs, docs/spec.md); the whole is below 1,024 bytes. */
const FIRST_LINE = 'version https://git-lfs.github.com/spec/';
const LARGEST_BYTES = 1_024;

export const LFS_PROBLEM = 'it is a Git LFS pointer, not the file itself';
export const LFS_FIX = 'Fetch the files: run "git lfs pull" in the folder that was cloned.';

export function isLfsPointerText(text: string): boolean {
  return text.startsWith(FIRST_LINE);
}

/** @param bytes the file's size, as whoever asks knows it already: a larger file is not opened */
export async function isLfsPointer(path: string, bytes: number): Promise<boolean> {
  if (bytes > LARGEST_BYTES || bytes < FIRST_LINE.length) return false;
  const file = await open(path, 'r');
  try {
    const { buffer } = await file.read(Buffer.alloc(FIRST_LINE.length), 0, FIRST_LINE.length, 0);
    return isLfsPointerText(buffer.toString('latin1'));
  } finally {
    await file.close();
  }
}
