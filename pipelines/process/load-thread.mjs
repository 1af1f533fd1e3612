// @ts-check
/**
 * Loads a thread's TypeScript. Translating it file by file costs a thread a second and a half of processor time, so
 * it is bundled once, with its packages, and taken from there until one of its sources changes.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Inside `node_modules`, so that packages that are not bundled are found. */
const FOLDER = fileURLToPath(new URL('../../node_modules/.cache/modalmix/threads', import.meta.url));

/**
 * @typedef {object} Bundle
 * @property {string} entry file name in the folder
 * @property {Record<string, [number, number]>} sources by absolute path: milliseconds of the last change, bytes
 */

/**
 * Runs the module `main` in this thread.
 *
 * @param {string} main URL of a TypeScript file
 * @param {string} [folder] where bundles are kept
 */
export async function loadThread(main, folder = FOLDER) {
  const path = fileURLToPath(main);
  const entry = bundled(path, folder) ?? (await bundle(path, folder).catch(() => undefined));
  if (entry !== undefined) {
    await import(pathToFileURL(join(folder, entry)).href);
    return;
  }
  // Where nothing may be written, for one: unlike a process, a thread is not helped by `--import tsx`.
  const { tsImport } = await import('tsx/esm/api');
  await tsImport(main, import.meta.url);
}

/**
 * @param {string} main
 * @param {string} folder
 * @returns {string | undefined} file name of the bundle; `undefined` when there is none of the sources as they are
 */
function bundled(main, folder) {
  try {
    /** @type {unknown} */
    const record = JSON.parse(readFileSync(join(folder, recordName(main)), 'utf8'));
    const { entry, sources } = /** @type {Bundle} */ (record);
    for (const [path, [changed, bytes]] of Object.entries(sources)) {
      const now = stampOf(path);
      if (now[0] !== changed || now[1] !== bytes) return undefined;
    }
    statSync(join(folder, entry));
    return entry;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} main
 * @param {string} folder
 * @returns {Promise<string>}
 */
async function bundle(main, folder) {
  const { build } = await import('esbuild');
  const started = Date.now();
  const { metafile, outputFiles } = await build({
    entryPoints: [main],
    absWorkingDir: fileURLToPath(new URL('../..', import.meta.url)),
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    metafile: true,
    logLevel: 'silent',
    plugins: [{ name: 'own-url', setup: keepOwnUrl }],
  });
  const code = outputFiles[0]?.contents ?? new Uint8Array();
  const entry = `${basename(main, '.ts')}-${createHash('sha256').update(code).digest('hex').slice(0, 16)}.mjs`;
  const paths = Object.keys(metafile.inputs).map((path) =>
    fileURLToPath(new URL(`../../${path}`, import.meta.url)),
  );
  /** @type {Bundle} */
  const record = { entry, sources: Object.fromEntries(paths.map((path) => [path, stampOf(path)])) };
  await mkdir(folder, { recursive: true });
  await replace(join(folder, entry), code);
  // A source that changed meanwhile may be in the bundle as it was before.
  const settled = Object.values(record.sources).every(([changed]) => changed < started);
  if (settled) await replace(join(folder, recordName(main)), JSON.stringify(record));
  return entry;
}

/**
 * Our own code finds files where its source is.
 *
 * @param {import('esbuild').PluginBuild} plugins
 */
function keepOwnUrl(plugins) {
  // Without the flag `u`: esbuild's expressions are Go's.
  plugins.onLoad({ filter: /\.(?:ts|mjs)$/ }, ({ path }) => {
    if (path.includes('node_modules')) return undefined;
    const url = JSON.stringify(pathToFileURL(path).href);
    const contents = readFileSync(path, 'utf8').replaceAll('import.meta.url', url);
    return { contents, loader: path.endsWith('.ts') ? 'ts' : 'js' };
  });
}

/**
 * Whole or not at all: several threads may begin at once.
 *
 * @param {string} path
 * @param {string | Uint8Array} content
 */
async function replace(path, content) {
  const temporary = `${path}.${String(process.pid)}.${String(performance.now())}`;
  await writeFile(temporary, content);
  await rename(temporary, path);
}

/**
 * A checkout that was copied has bundles of its own.
 *
 * @param {string} main
 */
function recordName(main) {
  return `${basename(main, '.ts')}-${createHash('sha256').update(main).digest('hex').slice(0, 8)}.json`;
}

/**
 * @param {string} path
 * @returns {[number, number]}
 */
function stampOf(path) {
  const { mtimeMs, size } = statSync(path);
  return [mtimeMs, size];
}
