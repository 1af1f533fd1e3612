/** The configs that the program brings. In an installed package they are copied out, as what lies in there is npm's. */
import { readFile } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ModalmixError } from '../schemas/errors.ts';
import type { Screen } from './screen.ts';
import { SCHEMA_LINE, writeNewConfig } from './editor-schema.ts';

const CONFIGS = fileURLToPath(new URL('../configs/', import.meta.url));

/**
 * In a checkout the config in `configs/`, whose data and store are the checkout's. In an installed package, whose folder
 * `npm ci` empties, a copy in the working folder, `<name>.modalmix.yaml`: made once, and then the user's.
 *
 * @returns its absolute path
 * @throws ModalmixError `config` when the copy cannot be written
 */
export async function embeddedConfig(name: 'demo' | 'stream-demo', screen: Screen): Promise<string> {
  const embedded = `${CONFIGS}${name}.yaml`;
  if (!CONFIGS.includes(`${sep}node_modules${sep}`)) return embedded;
  const copy = resolve(`${name}.modalmix.yaml`);
  try {
    await writeNewConfig(copy, ownPaths(await readFile(embedded, 'utf8')));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return copy;
    throw new ModalmixError('config', 'the demo keeps its config and its data in the working folder', {
      where: copy,
      fix: 'Call it in a folder that you may write to.',
      cause,
    });
  }
  screen.say(`Its config is ${copy}, yours to change; clips and results are kept beside it, in .modalmix.\n`);
  return copy;
}

/** The embedded configs keep their data beside `configs/`; a copy keeps them beside itself. */
function ownPaths(text: string): string {
  return (
    SCHEMA_LINE + text.replace(/^# yaml-language-server:.*\n/u, '').replaceAll('../.modalmix/', '.modalmix/')
  );
}
