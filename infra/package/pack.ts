/**
 * `npm run package [-- <folder>]`: builds the package and packs it. Not by `prepack`: the checkout's .npmrc has npm run no
 * such scripts.
 */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { PROJECT_FOLDER } from '../folders.ts';
import { buildPackage } from './build-package.ts';

/**
 * @param folder for the tarball; made if need be
 * @returns the tarball's path
 */
export async function packPackage(folder: string): Promise<string> {
  // The same modes of files, whoever builds.
  process.umask(0o022);
  await buildPackage();
  await mkdir(folder, { recursive: true });
  const words = ['pack', '--silent', '--pack-destination', folder];
  const { stdout } = await execa('npm', words, { cwd: PROJECT_FOLDER });
  return join(folder, stdout.trim());
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(await packPackage(resolve(process.argv[2] ?? '.')));
}
