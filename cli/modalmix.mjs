#!/usr/bin/env node
// @ts-check
/**
 * The command `modalmix`: in a package as it was built, after set-up; in a checkout as set-up has built it, else its
 * TypeScript as it is.
 */
import { existsSync, readFileSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const words = process.argv.slice(2);
const setsUp = words[0] === 'setup' && !words.some((word) => ['--help', '-h'].includes(word));
const isPackage = !existsSync(new URL('./main.ts', import.meta.url));

if (['--version', '-V'].includes(words[0] ?? '')) {
  /** @type {unknown} */
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  console.log(/** @type {{ version: string }} */ (manifest).version);
} else if (isPackage) {
  await runPackage();
} else if (setsUp) {
  process.argv.splice(2, 1);
  await import('../infra/setup/bootstrap.mjs');
} else {
  try {
    const { builtCommand } = await import('../infra/command/built-command.mjs');
    const built = builtCommand();
    if (built === undefined) {
      const { register } = await import('tsx/esm/api');
      register();
    }
    await import(built === undefined ? './main.ts' : pathToFileURL(built).href);
  } catch (error) {
    const missing = missingPackage(error);
    if (missing === undefined) throw error;
    console.error(
      `modalmix: the npm package ${missing} is not installed. → Run "npm run setup" in ${root} (or "npm start", which also runs the demo).`,
    );
    process.exitCode = 1;
  }
}

async function runPackage() {
  keepCompiledCode();
  const dist = new URL('../dist/', import.meta.url);
  /** @type {unknown} */
  const loaded = await import(new URL('set-up.js', dist).href);
  const setUp = /** @type {typeof import('../infra/setup/set-up-package.ts')} */ (loaded);
  process.exitCode = setsUp ? await setUp.setUp(words.slice(1)) : await setUp.setUpFor(words);
  if (process.exitCode === 0 && !setsUp) await import(new URL('main.js', dist).href);
}

/** By Node itself, where it can (22.8): of this process and of those that it starts. */
function keepCompiledCode() {
  const folder = join(root, 'node_modules', '.cache', 'modalmix', `compiled-${process.version}`);
  /** @type {{ enableCompileCache?: (folder: string) => void }} */ (module).enableCompileCache?.(folder);
  process.env['NODE_COMPILE_CACHE'] ??= folder;
}

/**
 * @param {unknown} error
 * @returns {string | undefined} the package that an import did not find: nothing, or an older state, is installed
 */
function missingPackage(error) {
  if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) return undefined;
  return /Cannot find package '([^']+)'/u.exec(error.message)?.[1]?.replace(/^.*node_modules[\\/]/u, '');
}
