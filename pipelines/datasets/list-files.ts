/** Walks a folder in a fixed order. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';

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
 * @throws ModalmixError `config` when `folder` is no folder
 */
export async function listFiles(folder: string, options: ListFilesOptions = {}): Promise<string[]> {
  const start = await realPathOf(folder);
  if (start === undefined || !(await stat(start)).isDirectory()) {
    if (options.missing === 'empty') return [];
    throw new ModalmixError('config', `there is no folder ${folder}`, {
      where: options.where ?? 'dataset',
      fix: 'Correct the path, or put the data there.',
    });
  }
  const files: string[] = [];
  // Depth first without recursion, each entry with the real folders that it lies in.
  const pending: { path: string; ancestors: ReadonlySet<string> }[] = [
    { path: folder, ancestors: new Set([start]) },
  ];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const entry of await readdir(next.path, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = join(next.path, entry.name);
      if (entry.isFile()) files.push(path);
      else if (entry.isDirectory() || entry.isSymbolicLink()) {
        const real = await realPathOf(path);
        if (real === undefined) continue;
        const kind = entry.isDirectory() ? entry : await stat(real);
        if (kind.isFile()) files.push(path);
        else if (kind.isDirectory() && !next.ancestors.has(real)) {
          pending.push({ path, ancestors: new Set([...next.ancestors, real]) });
        }
      }
    }
  }
  return files.sort(compareText);
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
