/** Makes the bundles that processes and threads of the stages start from, so that no first start has to. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sourceBundle } from '../../pipelines/process/source-bundle.mjs';
import { PROJECT_FOLDER } from '../folders.ts';

const PIPELINES = join(PROJECT_FOLDER, 'pipelines');
/** How the entries are named. */
const ENTRY = /-(?:child|thread-main)\.ts$/u;
/** Starts children, and is none. */
const NO_ENTRY = 'tensorflow-child.ts';

/** Those that are in place are left as they are; one that cannot be made is tried again when it is needed. */
export async function bundleChildren(): Promise<void> {
  for (const path of await childEntries()) await sourceBundle(pathToFileURL(path).href);
}

/** Absolute. */
export async function childEntries(): Promise<string[]> {
  const files = await readdir(PIPELINES, { recursive: true });
  return files
    .filter((path) => ENTRY.test(path) && !path.endsWith(NO_ENTRY))
    .map((path) => join(PIPELINES, path));
}
