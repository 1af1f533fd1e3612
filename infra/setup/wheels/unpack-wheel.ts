/** Unpacks wheels, which are zip files. */
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openPromise, type Entry } from 'yauzl';
import { ModalmixError } from '../../../schemas/errors.ts';

const FILE_TYPE = 0o170000;
const REGULAR = 0o100000;
const EXECUTABLE = 0o111;

/**
 * Files that its maker's machine could execute can be executed.
 *
 * @param prefixes which of the wheel's files are wanted, by the beginnings of their paths
 * @returns how many files were written
 * @throws ModalmixError `dependency` when it is damaged, holds nothing of that, would write outside of `folder` or
 *   holds what is no file; `transient` when it cannot be written
 */
export async function unpackWheel(
  path: string,
  prefixes: readonly string[],
  folder: string,
): Promise<number> {
  let files = 0;
  const made = new Set<string>();
  try {
    // It refuses absolute paths and those with "..".
    const archive = await openPromise(path);
    try {
      for await (const entry of archive.eachEntry()) {
        const { fileName } = entry;
        if (fileName.endsWith('/') || !prefixes.some((prefix) => fileName.startsWith(prefix))) continue;
        const target = placeOf(entry, folder);
        const parent = dirname(target);
        if (!made.has(parent)) await mkdir(parent, { recursive: true });
        made.add(parent);
        const mode = (modeOf(entry) & EXECUTABLE) === 0 ? 0o644 : 0o755;
        // `wx`: a path that comes twice is a mistake, and a link that lies there is not followed.
        await pipeline(
          await archive.openReadStreamPromise(entry),
          createWriteStream(target, { mode, flags: 'wx' }),
        );
        files += 1;
      }
    } finally {
      archive.close();
    }
  } catch (cause) {
    if (cause instanceof ModalmixError) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    const isOurs = cause instanceof Error && 'code' in cause;
    throw new ModalmixError(isOurs ? 'transient' : 'dependency', `it cannot be unpacked: ${message}`, {
      where: path,
      fix: 'Check that the disk has room, then run "npm run setup" again.',
      cause,
    });
  }
  if (files > 0) return files;
  throw new ModalmixError('dependency', `it holds nothing under ${prefixes.join(', ')}`, { where: path });
}

function placeOf(entry: Entry, folder: string): string {
  const { fileName } = entry;
  const target = resolve(folder, fileName);
  const within = relative(resolve(folder), target);
  const type = modeOf(entry) & FILE_TYPE;
  if (within === '' || within.split(sep)[0] === '..' || (type !== 0 && type !== REGULAR)) {
    throw new ModalmixError('dependency', `its entry "${fileName}" is no file within it`, {
      where: folder,
      fix: 'Do not use this wheel.',
    });
  }
  return target;
}

/** As Unix has it, which a zip file keeps in the upper half of its own attributes. */
function modeOf({ externalFileAttributes }: Entry): number {
  return externalFileAttributes >>> 16;
}
