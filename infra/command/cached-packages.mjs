// @ts-check
/**
 * Packages of a built program, in one file that V8 need not compile again: what it compiled is kept beside the file by
 * the first processes that use it, each adding the functions that it was the first to call. Kept code that another V8 made, or that is damaged, is refused and made anew.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Script, constants } from 'node:vm';

/** By then a process that goes on has compiled what it needs to start. */
const KEEP_AFTER_MS = 5_000;
/** Later ones rarely call anything new, and keeping takes them some hundredths of a second. */
const KEEPING_USES = 4;
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
  const { uses, code: cachedData } = readKeptCode(kept) ?? { uses: 0 };
  const script = new Script(readFileSync(path, 'latin1'), {
    filename: path,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  const isNew = cachedData === undefined || script.cachedDataRejected === true;
  if (isNew || uses < KEEPING_USES) keepLater(script, kept, isNew ? 1 : uses + 1);
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
 * @returns {{ uses: number, code: Buffer } | undefined} the code, and how many processes it is of
 */
function readKeptCode(file) {
  try {
    const content = readFileSync(file);
    const rest = content.subarray(HASH_BYTES);
    // V8 looks at the length alone; after a power failure a file may hold anything.
    if (!hashOf(rest).equals(content.subarray(0, HASH_BYTES))) return undefined;
    return { uses: rest.readUInt8(0), code: rest.subarray(1) };
  } catch {
    return undefined;
  }
}

/**
 * With the functions that were called until then.
 *
 * @param {Script} script
 * @param {string} file
 * @param {number} uses
 */
function keepLater(script, file, uses) {
  const keep = () => {
    clearTimeout(timer);
    process.off('exit', keep);
    const temporary = `${file}.${String(process.pid)}`;
    try {
      const rest = Buffer.concat([Buffer.of(uses), script.createCachedData()]);
      writeFileSync(temporary, Buffer.concat([hashOf(rest), rest]));
      renameSync(temporary, file);
    } catch {
      // A matter of speed alone; the folder may be read-only.
      rmSync(temporary, { force: true });
    }
  };
  const timer = setTimeout(keep, KEEP_AFTER_MS).unref();
  process.on('exit', keep);
}

/** @param {Buffer} bytes */
function hashOf(bytes) {
  return createHash('sha256').update(bytes).digest();
}
