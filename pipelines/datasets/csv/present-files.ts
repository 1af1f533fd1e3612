/** Which files are there, each asked once while it is remembered. */
import { stat } from 'node:fs/promises';
import pLimit from 'p-limit';

const STATS_AT_A_TIME = 32;
/** Clips of one file mostly stand close together in a list. */
const REMEMBERED = 2 ** 16;

export class PresentFiles {
  #known = new Map<string, boolean>();

  /** Those of them that are there. */
  async of(paths: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    if (this.#known.size > REMEMBERED) this.#known = new Map();
    const known = this.#known;
    await pLimit(STATS_AT_A_TIME).map(
      [...paths].filter((path) => !known.has(path)),
      async (path) => known.set(path, await isThere(path)),
    );
    return new Set([...paths].filter((path) => known.get(path)));
  }
}

async function isThere(path: string): Promise<boolean> {
  const facts = await stat(path).catch(() => undefined);
  // A folder of pictures is a clip too.
  return facts?.isFile() === true || facts?.isDirectory() === true;
}
