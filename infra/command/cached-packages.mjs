// @ts-check
/**
 * Packages of a built program, in one file that V8 need not compile again: what it compiled is kept beside the file by
 * the first process that uses it. Kept code that another V8 made, or that is damaged, is refused and made anew.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Script, constants } from 'node:vm';

/** By then a process that goes on has compiled what it needs to start. */
const KEEP_AFTER_MS = 5_000;
const HASH_BYTES = 32;

/** @typedef {Record<string, () => Record<string, unknown>>} Packages by name; each is run when it is first asked for */

/** @type {Map<string, Packages>} */
const loaded = new Map();

/**
 * @param {string} path of a file that `buildPackages` made; ASCII
 * @returns {Packages}
 */
export function cachedPackages(path) {
  const known = loaded.get(path);
  if (known !== undefined) return known;
  const kept = keptCodeFile(path);
  const cachedData = readKeptCode(kept);
  const script = new Script(readFileSync(path, 'latin1'), {
    filename: path,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  if (cachedData === undefined || script.cachedDataRejected === true) keepLater(script, kept);
  const module = { exports: /** @type {Packages} */ ({}) };
  /** @type {unknown} */
  const run = script.runInThisContext();
  /** @type {(...scope: unknown[]) => void} */ (run)(module.exports, createRequire(path), module);
  loaded.set(path, module.exports);
  return module.exports;
}

/**
 * @param {string} path
 * @returns {string} where this Node's compiled code of the file is kept
 */
export function keptCodeFile(path) {
  return `${path}.${process.version}-${process.arch}.code`;
}

/**
 * @param {string} file
 * @returns {Buffer | undefined}
 */
function readKeptCode(file) {
  try {
    const content = readFileSync(file);
    const code = content.subarray(HASH_BYTES);
    // V8 looks at the length alone; after a power failure a file may hold anything.
    return hashOf(code).equals(content.subarray(0, HASH_BYTES)) ? code : undefined;
  } catch {
    return undefined;
  }
}

/**
 * With the functions that were called until then.
 *
 * @param {Script} script
 * @param {string} file
 */
function keepLater(script, file) {
  const keep = () => {
    clearTimeout(timer);
    process.off('exit', keep);
    const temporary = `${file}.${String(process.pid)}`;
    try {
      const code = script.createCachedData();
      writeFileSync(temporary, Buffer.concat([hashOf(code), code]));
      renameSync(temporary, file);
    } catch {
      // A matter of speed alone; the folder may be read-only.
      rmSync(temporary, { force: true });
    }
  };
  const timer = setTimeout(keep, KEEP_AFTER_MS).unref();
  process.on('exit', keep);
}

/** @param {Buffer} code */
function hashOf(code) {
  return createHash('sha256').update(code).digest();
}
