// @ts-check
/** Files that several processes make and read: JavaScript, as it is needed before TypeScript can be run. */
import { rename, rm, writeFile } from 'node:fs/promises';

/**
 * Whole or not at all: several processes may begin at once.
 *
 * @param {string} path in a folder that is there
 * @param {string | Uint8Array} content
 */
export async function replaceFile(path, content) {
  const temporary = `${path}.${String(process.pid)}.${String(performance.now())}`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
