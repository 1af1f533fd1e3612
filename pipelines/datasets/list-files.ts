/** Walks a folder in a fixed order. */
import type { Dirent } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';
import { codeOf } from '../store/file-errors.ts';
import { isFeatureFile, isMediaFile, isPictureFile } from './media-files.ts';

export interface ListFilesOptions {
  /** What a folder that is not there means; default `fail`. */
  readonly missing?: 'fail' | 'empty';
  /** What the folder is, for the message: `dataset.root`. */
  readonly where?: string;
}

/**
 * Every file under `folder`, absolute when `folder` is, sorted by path (code units, so that the order is
 * the same everywhere). Hidden entries are left out. Links are followed, but no real folder is entered
 * from within itself; a broken link counts as no file.
 *
 * @throws ModalmixError `config` when `folder` is no folder, a folder below it cannot be read, or a folder or a media file
 *   has a name that is not UTF-8 (no path that we write down could name it)
 */
export async function listFiles(folder: string, options: ListFilesOptions = {}): Promise<string[]> {
  const files: string[] = [];
  for await (const file of walkFiles(folder, options)) files.push(file);
  return files.sort(compareText);
}

/** `listFiles` as they are met, in no order. */
export async function* walkFiles(folder: string, options: ListFilesOptions = {}): AsyncGenerator<string> {
  const start = await realPathOf(folder);
  if (start === undefined || !(await stat(start)).isDirectory()) {
    if (options.missing === 'empty') return;
    throw new ModalmixError('config', `there is no folder ${folder}`, {
      where: options.where ?? 'dataset',
      fix: 'Correct the path, or put the data there.',
    });
  }
  // Depth first without recursion, each entry with the real folders that it lies in.
  const pending: { path: string; ancestors: ReadonlySet<string> }[] = [
    { path: folder, ancestors: new Set([start]) },
  ];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const entry of await entriesOf(next.path)) {
      if (entry.name.startsWith('.')) continue;
      const path = join(next.path, entry.name);
      if (entry.name.includes(REPLACED) && (await isNotUtf8(path))) {
        if (entry.isFile() && !isWanted(path)) continue;
        throw notUtf8(path, entry.isDirectory() ? 'folder' : 'file');
      }
      if (entry.isFile()) yield path;
      else if (entry.isDirectory() || entry.isSymbolicLink()) {
        const real = await realPathOf(path);
        if (real === undefined) continue;
        const kind = entry.isDirectory() ? entry : await stat(real);
        if (kind.isFile()) yield path;
        else if (kind.isDirectory() && !next.ancestors.has(real)) {
          pending.push({ path, ancestors: new Set([...next.ancestors, real]) });
        }
      }
    }
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    const code = codeOf(cause);
    const denied = code === 'EACCES' || code === 'EPERM';
    throw new ModalmixError(
      denied ? 'config' : 'transient',
      `the folder cannot be read (${code ?? String(cause)})`,
      {
        where: folder,
        fix: denied
          ? 'Let this user read it (chmod u+rx), or move it out of the dataset.'
          : 'Look whether the disk is well, and start it again.',
        cause,
      },
    );
  }
}

/** What Node puts in place of bytes that are no UTF-8. */
const REPLACED = '\ufffd';

async function isNotUtf8(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => false,
    (error: unknown) => codeOf(error) === 'ENOENT',
  );
}

function isWanted(path: string): boolean {
  return isMediaFile(path) || isPictureFile(path) || isFeatureFile(path);
}

function notUtf8(path: string, kind: 'folder' | 'file'): ModalmixError {
  return new ModalmixError('config', `the ${kind}'s name is not UTF-8`, {
    where: path,
    fix: `Rename it; "convmv -r -f latin1 -t utf8 --notest <folder>" does so for all names that were written as Latin-1.`,
  });
}

/** Order by UTF-16 code units, the same in every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function realPathOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch {
    return undefined;
  }
}
