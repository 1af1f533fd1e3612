/** A folder of files that appears whole, in place of an earlier one of its kind. */
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';
import { EXPORT_MANIFEST } from '../../schemas/exported-model.ts';
import { codeOf } from '../store/file-errors.ts';
import type { OutputFile } from './output-file.ts';

/** @throws ModalmixError `config` when something else is there */
export async function checkReplaceable(folder: string): Promise<void> {
  const present = await entriesOf(folder);
  if (present === undefined || present.length === 0 || present.includes(EXPORT_MANIFEST)) return;
  throw new ModalmixError('config', 'the folder holds other files, which are not written over', {
    where: folder,
    fix: 'Name a folder that is not there yet.',
  });
}

/** @throws ModalmixError as `checkReplaceable` */
export async function replaceFolder(folder: string, files: readonly OutputFile[]): Promise<void> {
  await checkReplaceable(folder);
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true });
  const aside = await mkdtemp(join(parent, `.${basename(folder)}-`));
  try {
    for (const { path, bytes } of files) await writeFile(join(aside, path), bytes);
    await rm(folder, { recursive: true, force: true });
    await rename(aside, folder);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw error;
  }
}

async function entriesOf(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return undefined;
    if (code !== 'ENOTDIR') throw error;
    throw new ModalmixError('config', 'it is a file', { where: folder, fix: 'Name a folder.' });
  }
}
