// @ts-check
/**
 * Where this code runs: in a checkout, from its sources; or in an installed package, whose code was built into `dist/`
 * when it was packed (`infra/package/`). Other files that code reads lie at the same places in both.
 */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout, or the package. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A package has no sources. */
export const IS_PACKED = !existsSync(join(ROOT, 'cli', 'main.ts'));

/**
 * @param {string} source a program's TypeScript file, by a path or a URL
 * @returns {string} where a package has it, absolute
 */
export function packedProgram(source) {
  return join(ROOT, 'dist', `${basename(source, '.ts')}.js`);
}

/**
 * @param {string} client a page's `client/main.ts`, by a path or a URL: `pipelines/<stage>/report/client/main.ts`
 * @returns {string} where a package has its script, absolute
 */
export function packedPage(client) {
  return join(ROOT, 'dist', 'pages', `${client.split('/').at(-4) ?? ''}.js`);
}

/** @returns {string} the folder where a package has the files of the live page, absolute */
export function packedUi() {
  return join(ROOT, 'dist', 'pages', 'ui');
}

/** Where a package has the bundle of the workflows, absolute. */
export const PACKED_WORKFLOWS = join(ROOT, 'dist', 'workflow-bundle.js');
