/** The files of a page that is served: its script, with charts in a part that is loaded when they are needed, and its style. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chartNotices } from './bundle-client.ts';

/**
 * @param client URL of a folder with `main.tsx` and `style.css`
 * @returns texts by name: `main.js`, its parts, and `style.css`, which begins with the reports' colours
 */
export async function bundleLivePage(client: URL): Promise<ReadonlyMap<string, string>> {
  const folder = fileURLToPath(client);
  const [{ outputFiles }, tokens, style, notices] = await Promise.all([
    build({
      entryPoints: { main: join(folder, 'main.tsx') },
      outdir: folder,
      chunkNames: 'part-[hash]',
      bundle: true,
      splitting: true,
      minify: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      charset: 'ascii',
      jsx: 'automatic',
      jsxImportSource: 'preact',
      legalComments: 'inline',
      logLevel: 'silent',
    }),
    readFile(new URL('tokens.css', import.meta.url), 'utf8'),
    readFile(join(folder, 'style.css'), 'utf8'),
    chartNotices(),
  ]);
  const scripts = outputFiles.map(({ path, text }): [string, string] => {
    const hasCharts = /zrender|echarts/u.test(text);
    return [basename(path), hasCharts ? `${notices}\n${text}` : text];
  });
  return new Map([...scripts, ['style.css', `${tokens}\n${style}`]]);
}
