/** Plug-ins as code: bundled from their files once, kept in the store, imported from there by whoever needs them. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ModalmixError } from '../../schemas/errors.ts';

const OWN_PACKAGE = /^modalmix(\/|$)/;
const bundled = new Map<string, Uint8Array>();

/**
 * One file of JavaScript of a plug-in and all that it imports; the same on every machine.
 *
 * @param file absolute
 * @returns the SHA-256 of the code, which `pluginCode` gives from now on
 * @throws ModalmixError `config` naming the plug-in when it cannot be bundled
 */
export async function bundlePlugin(file: string): Promise<string> {
  const { build } = await import('esbuild');
  try {
    const { outputFiles } = await build({
      entryPoints: [file],
      // Comments in the code name sources from here.
      absWorkingDir: dirname(file),
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      // Its own settings for TypeScript are for its editor.
      tsconfigRaw: {},
      logLevel: 'silent',
      plugins: [
        {
          name: 'types-alone',
          setup: (plugins) => {
            plugins.onResolve({ filter: OWN_PACKAGE }, () => ({
              errors: [{ text: 'a plug-in imports types alone from modalmix; all else it is given (`kit`)' }],
            }));
          },
        },
      ],
    });
    const code = outputFiles[0]!.contents;
    const sha256 = hashOf(code);
    bundled.set(sha256, code);
    return sha256;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ModalmixError('config', `the plug-in cannot be used: ${message}`, {
      where: file,
      fix: 'Correct the path, or the plug-in.',
      cause,
    });
  }
}

/** Code that `bundlePlugin` made in this process. */
export function pluginCode(sha256: string): Uint8Array | undefined {
  return bundled.get(sha256);
}

/**
 * @param code with the hash `sha256`
 * @param name of the plug-in's file
 * @returns what it exports by default
 * @throws ModalmixError `input` when the code is another; `config` when it fails while it is loaded
 */
export async function importPlugin(code: Uint8Array, name: string, sha256: string): Promise<unknown> {
  if (hashOf(code) !== sha256) {
    throw new ModalmixError('input', `the code of the plug-in ${name} is not what it was`, {
      where: sha256,
      fix: 'Start the run again from its config, which stores it anew.',
    });
  }
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-plugin-'));
  try {
    const file = join(folder, `${basename(name).replace(/\.\w+$/u, '')}.mjs`);
    await writeFile(file, code);
    const { default: plugin } = (await import(pathToFileURL(file).href)) as { default?: unknown };
    return plugin;
  } catch (cause) {
    throw new ModalmixError(
      'config',
      `the plug-in ${name} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      { where: name, cause },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function hashOf(code: Uint8Array): string {
  return createHash('sha256').update(code).digest('hex');
}
