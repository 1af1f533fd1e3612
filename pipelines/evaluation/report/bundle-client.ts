/** A page's script: its `client/main.ts` with the parts of ECharts it uses, as one minified file. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { ModalmixError } from '../../../schemas/errors.ts';
import { IS_PACKED, packedPage } from '../../process/packed.mjs';

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

/** What the licences of ECharts and its drawing library want to be told wherever they are; their files do not say it. */
export async function chartNotices(): Promise<string> {
  const require = createRequire(import.meta.url);
  const echarts = dirname(require.resolve('echarts/package.json'));
  const zrender = dirname(createRequire(join(echarts, 'package.json')).resolve('zrender/package.json'));
  const [notice, d3, licence] = await Promise.all([
    readFile(join(echarts, 'NOTICE'), 'utf8'),
    readFile(join(echarts, 'licenses', 'LICENSE-d3'), 'utf8'),
    readFile(join(zrender, 'LICENSE'), 'utf8'),
  ]);
  const texts = [
    notice,
    'Licensed under the Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0',
    'It holds parts of d3:',
    d3,
    'This page also holds ZRender:',
    licence,
  ];
  return `/*!\n${texts.map((text) => text.trim().replaceAll('*/', '* /')).join('\n\n')}\n*/`;
}

async function bundle(entry: URL): Promise<string> {
  if (IS_PACKED) return await readFile(packedPage(entry.href), 'utf8');
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(entry)],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'es2020',
    charset: 'ascii',
    legalComments: 'inline',
    banner: { js: await chartNotices() },
    logLevel: 'silent',
  });
  const script = outputFiles[0]?.text;
  if (script === undefined || /<\/script|<!--/iu.test(script)) {
    throw new ModalmixError('internal', 'the report’s script cannot be put into a page');
  }
  return script;
}
