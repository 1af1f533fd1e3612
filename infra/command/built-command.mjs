// @ts-check
/** The command as JavaScript, where set-up has built it and no source has changed since: it starts faster. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout that this file is in. */
const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** Inside `node_modules`, so that its code finds the packages. */
export const BUILT_FOLDER = join(PROJECT, 'node_modules', '.cache', 'modalmix', 'command');
/** JSON: the newest build. */
export const BUILD_FILE = 'build.json';

/**
 * @typedef {object} Build
 * @property {string} project the checkout it was built in, where its code looks for files
 * @property {string} entry relative to the folder
 * @property {Record<string, [number, number]>} sources by absolute path: milliseconds of the last change, bytes
 */

/**
 * @param {string} [folder] where `buildCommand` put it
 * @returns {string | undefined} path of the built entry; `undefined` when there is none, a source has changed, or
 *   the checkout was copied or moved
 */
export function builtCommand(folder = BUILT_FOLDER) {
  return builtProgram('main', folder);
}

/**
 * Another program of the same build.
 *
 * @param {string} name of `buildCommand`'s entries
 * @param {string} [folder]
 * @returns {string | undefined} as of `builtCommand`
 */
export function builtProgram(name, folder = BUILT_FOLDER) {
  try {
    const { project, entry, sources } = readBuild(folder);
    if (project !== PROJECT) return undefined;
    for (const [path, [changed, bytes]] of Object.entries(sources)) {
      const now = stampOf(path);
      if (now[0] !== changed || now[1] !== bytes) return undefined;
    }
    return join(folder, dirname(entry), `${name}.js`);
  } catch {
    return undefined;
  }
}

/**
 * @param {string} folder
 * @returns {Build}
 */
export function readBuild(folder) {
  /** @type {unknown} */
  const build = JSON.parse(readFileSync(join(folder, BUILD_FILE), 'utf8'));
  return /** @type {Build} */ (build);
}

/**
 * @param {string} path
 * @returns {[number, number]}
 */
export function stampOf(path) {
  const { mtimeMs, size } = statSync(path);
  return [mtimeMs, size];
}
