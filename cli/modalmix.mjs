#!/usr/bin/env node
// @ts-check
/** The command `modalmix`: as set-up has built it, else its TypeScript as it is. */
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { builtCommand } from '../infra/command/built-command.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

if (['--version', '-V'].includes(process.argv[2] ?? '')) {
  /** @type {unknown} */
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  console.log(/** @type {{ version: string }} */ (manifest).version);
} else {
  try {
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

/**
 * @param {unknown} error
 * @returns {string | undefined} the package that an import did not find: nothing, or an older state, is installed
 */
function missingPackage(error) {
  if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) return undefined;
  return /Cannot find package '([^']+)'/u.exec(error.message)?.[1]?.replace(/^.*node_modules[\\/]/u, '');
}
