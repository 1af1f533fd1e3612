// @ts-check
/** Loads a thread's TypeScript as a bundle, with its packages. */
import { pathToFileURL } from 'node:url';
import { sourceBundle, tellUnbundled } from './source-bundle.mjs';
import { nameSources } from './source-stacks.mjs';

/**
 * Runs the module `main` in this thread.
 *
 * @param {string} main URL of a TypeScript file
 * @param {string} [folder] where bundles are kept
 */
export async function loadThread(main, folder) {
  const bundle = await sourceBundle(main, folder);
  if ('path' in bundle) {
    nameSources(bundle.path);
    await import(pathToFileURL(bundle.path).href);
    return;
  }
  tellUnbundled(main, bundle.problem);
  // Unlike a process, a thread is not helped by `--import tsx`.
  const { tsImport } = await import('tsx/esm/api');
  await tsImport(main, import.meta.url);
}
