// @ts-check
/**
 * A TypeScript module as one JavaScript file: to translate it file by file costs a process or a thread one to two
 * seconds of processor time at each start. A bundle is used only for exactly the sources that it was made from.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, extname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { IS_PACKED, packedProgram } from './packed.mjs';
import { replaceFile } from './replace-file.mjs';

/** The checkout that this file is in. */
const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** Inside `node_modules`, so that packages that are not bundled are found. */
export const BUNDLE_FOLDER = join(PROJECT, 'node_modules', '.cache', 'modalmix', 'bundles');
/** Of many small files, and nothing else shares their objects with us. All others are loaded from where they are. */
const BUNDLED_PACKAGES = ['zod', 'apache-arrow', 'flatbuffers'];
/** Raised when other code is made of the same sources. */
const REVISION = 2;
/** In parts: this file, too, is bundled by itself. */
const OWN_URL = ['import', 'meta', 'url'].join('.');
const KEPT_MS = 24 * 3_600_000;

/**
 * @typedef {object} Bundle
 * @property {string} maker what else than the sources decides about the code
 * @property {string} entry file name in the folder
 * @property {string} sha256 of it
 * @property {Record<string, string>} sources SHA-256 by path, relative to the checkout
 */

/** @typedef {{ readonly path: string } | { readonly problem: string }} BundleOutcome */

/** @type {Map<string, Promise<BundleOutcome>>} */
const making = new Map();

/**
 * The bundle of the module `main` and of what it imports, made when there is none of the sources as they are. Any
 * number of threads and processes may ask at once.
 *
 * @param {string} main URL of a TypeScript file
 * @param {string} [folder] where bundles are kept, below a folder with the packages
 * @returns {Promise<BundleOutcome>} absolute path; or why there is none, and the sources have to be run as they are
 */
export async function sourceBundle(main, folder = BUNDLE_FOLDER) {
  const path = fileURLToPath(main);
  if (IS_PACKED) return { path: packedProgram(path) };
  const found = findBundle(path, folder);
  if (found !== undefined) return { path: found };
  const key = `${folder}\0${path}`;
  const made =
    making.get(key) ??
    makeBundle(path, folder)
      .catch((/** @type {unknown} */ error) => ({
        problem: error instanceof Error ? error.message : String(error),
      }))
      .finally(() => making.delete(key));
  making.set(key, made);
  return await made;
}

/**
 * Says on the standard error, once for each module, that it is started slowly.
 *
 * @param {string} main URL of a TypeScript file
 * @param {string} problem
 */
export function tellUnbundled(main, problem) {
  if (told.has(main)) return;
  told.add(main);
  const name = relative(PROJECT, fileURLToPath(main));
  process.stderr.write(
    `warning: ${name} starts one to two seconds later, it cannot be bundled: ${problem}\n`,
  );
}

/** @type {Set<string>} */
const told = new Set();

/**
 * @param {string} main
 * @param {string} folder
 * @returns {string | undefined}
 */
function findBundle(main, folder) {
  try {
    /** @type {unknown} */
    const record = JSON.parse(readFileSync(join(folder, recordName(main)), 'utf8'));
    const { maker, entry, sha256, sources } = /** @type {Bundle} */ (record);
    if (maker !== makerNow()) return undefined;
    for (const [path, hash] of Object.entries(sources)) {
      if (hashOf(readFileSync(join(PROJECT, path))) !== hash) return undefined;
    }
    // Files are not synced: after a power failure one may be there and empty.
    const path = join(folder, entry);
    return hashOf(readFileSync(path)) === sha256 ? path : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} main
 * @param {string} folder
 * @returns {Promise<BundleOutcome>}
 */
async function makeBundle(main, folder) {
  const { build } = await import('esbuild');
  const maker = makerNow();
  /** @type {Record<string, string>} */
  const sources = {};
  const { outputFiles } = await build({
    entryPoints: [main],
    absWorkingDir: PROJECT,
    outfile: join(folder, 'bundle.mjs'),
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    keepNames: true,
    sourcemap: 'external',
    sourcesContent: false,
    logLevel: 'silent',
    plugins: [
      externalPackages(BUNDLED_PACKAGES),
      ownUrls((path, content) => {
        sources[relative(PROJECT, path)] = hashOf(content);
      }),
    ],
  });
  const [map, code] = ['.map', '.mjs'].map((end) => outputFiles.find(({ path }) => path.endsWith(end)));
  if (map === undefined || code === undefined) throw new Error('esbuild gave no code');
  const name = `${stemOf(main)}-${hashOf(code.contents).slice(0, 16)}.mjs`;
  const content = `${code.text}//# sourceMappingURL=${name}.map\n`;
  /** @type {Bundle} */
  const record = { maker, entry: name, sha256: hashOf(content), sources };
  await mkdir(folder, { recursive: true });
  await replaceFile(join(folder, `${name}.map`), map.contents);
  await replaceFile(join(folder, name), content);
  await replaceFile(join(folder, recordName(main)), JSON.stringify(record));
  await prune(folder, stemOf(main), name);
  return { path: join(folder, name) };
}

/**
 * Has esbuild load only these packages' code; that of all others stays where it is.
 *
 * @param {readonly string[]} bundled
 * @returns {import('esbuild').Plugin}
 */
export function externalPackages(bundled) {
  return {
    name: 'external-packages',
    setup: (plugins) => {
      // Without the flag `u`: esbuild's expressions are Go's.
      plugins.onResolve({ filter: /^[^./]/ }, ({ path, kind, importer }) => {
        if (kind === 'entry-point' || bundled.includes(path.split('/')[0] ?? '')) return undefined;
        // Small packages that only the bundled ones use.
        if (path === 'tslib' && importer.includes('node_modules')) return undefined;
        return { path, external: true };
      });
    },
  };
}

/**
 * Code that looks for files beside itself (children, style sheets, configs) finds them where its source is.
 *
 * @param {(path: string, content: Buffer) => void} [onSource] told of each file, absolute, as it goes into the bundle
 * @returns {import('esbuild').Plugin}
 */
export function ownUrls(onSource) {
  return {
    name: 'own-urls',
    setup: (plugins) => {
      plugins.onLoad({ filter: /\.(?:ts|js|mjs|cjs|json)$/ }, ({ path }) => {
        const content = readFileSync(path);
        onSource?.(path, content);
        const loader = /** @type {const} */ ({ '.ts': 'ts', '.json': 'json' })[extname(path)] ?? 'js';
        if (path.includes('node_modules')) return { contents: content, loader };
        const url = JSON.stringify(pathToFileURL(path).href);
        return { contents: content.toString('utf8').replaceAll(OWN_URL, url), loader };
      });
    },
  };
}

/** @returns {string} */
function makerNow() {
  /** @type {unknown} */
  const esbuild = JSON.parse(readFileSync(join(PROJECT, 'node_modules/esbuild/package.json'), 'utf8'));
  const { version } = /** @type {{ version: string }} */ (esbuild);
  return `${String(REVISION)} esbuild ${version} ${hashOf(readFileSync(join(PROJECT, 'tsconfig.json')))}`;
}

/**
 * Removes the bundles of older sources; a process that is about to start may still want one of today.
 *
 * @param {string} folder
 * @param {string} stem
 * @param {string} newest
 */
async function prune(folder, stem, newest) {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${stem}-`) || name.startsWith(newest) || name.endsWith('.json')) continue;
    const path = join(folder, name);
    const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
    if (mtimeMs !== undefined && Date.now() - mtimeMs > KEPT_MS) await rm(path, { force: true });
  }
}

/**
 * A checkout that was copied has bundles of its own.
 *
 * @param {string} main
 */
function recordName(main) {
  return `${stemOf(main)}.json`;
}

/** @param {string} main */
function stemOf(main) {
  return `${basename(main, '.ts')}-${hashOf(main).slice(0, 8)}`;
}

/**
 * @param {string | Uint8Array} content
 * @returns {string}
 */
function hashOf(content) {
  return createHash('sha256').update(content).digest('hex');
}
