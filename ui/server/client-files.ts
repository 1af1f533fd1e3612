/** The page's script and style: bundled once a process, or as an installed package has them. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { IS_PACKED, packedUi } from '../../pipelines/process/packed.mjs';
import { ModalmixError } from '../../schemas/errors.ts';

/** Texts by name. */
export type ClientFiles = ReadonlyMap<string, string>;

const CLIENT = new URL('../client/', import.meta.url);

let made: Promise<ClientFiles> | undefined;

export async function clientFiles(): Promise<ClientFiles> {
  made ??= IS_PACKED ? packedFiles() : bundled();
  return await made;
}

async function bundled(): Promise<ClientFiles> {
  const { bundleLivePage } = await import('../../pipelines/evaluation/report/bundle-live-page.ts');
  return await bundleLivePage(CLIENT);
}

async function packedFiles(): Promise<ClientFiles> {
  const folder = packedUi();
  const names = await readdir(folder);
  const files = names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const);
  const found = new Map(await Promise.all(files));
  if (found.has('main.js')) return found;
  throw new ModalmixError('dependency', 'the page’s script is not in this package', { where: folder });
}
