/** The page's script: `client/main.ts` with the parts of ECharts it uses, as one minified file. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { ModalmixError } from '../../../schemas/errors.ts';

let bundled: Promise<string> | undefined;

/** Bundled once a process. */
export async function bundleClient(): Promise<string> {
  bundled ??= bundle();
  return await bundled;
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('client/main.ts', import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'es2020',
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'silent',
  });
  const script = outputFiles[0]?.text;
  if (script === undefined || /<\/script|<!--/iu.test(script)) {
    throw new ModalmixError('internal', 'the report’s script cannot be put into a page');
  }
  return script;
}
