/** A page's script: its `client/main.ts` with the parts of ECharts it uses, as one minified file. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { ModalmixError } from '../../../schemas/errors.ts';

const bundled = new Map<string, Promise<string>>();

/**
 * Bundled once a process.
 *
 * @param entry URL of the page's `client/main.ts`
 */
export async function bundleClient(entry: URL): Promise<string> {
  const script = bundled.get(entry.href) ?? bundle(entry);
  bundled.set(entry.href, script);
  return await script;
}

async function bundle(entry: URL): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(entry)],
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
