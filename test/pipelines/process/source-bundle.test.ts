/** Bundles of TypeScript modules: made once, never of other sources than those of now. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { sourceBundle, tellUnbundled } from '../../../pipelines/process/source-bundle.mjs';

const MODULE = new URL('../../../pipelines/process/source-bundle.mjs', import.meta.url).href;
const START = new URL('../../../pipelines/process/child-start.mjs', import.meta.url).pathname;

let folder: string;
let main: string;
let part: string;
let bundles: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modalmix-bundle-'));
  [main, part, bundles] = [join(folder, 'main.ts'), join(folder, 'part.ts'), join(folder, 'bundles')];
  writeFileSync(main, "import { value } from './part.ts';\nconsole.log(value, import.meta.url);\n");
  writeFileSync(part, 'export const value: number = 1;\n');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  vi.restoreAllMocks();
});

async function bundle(): Promise<string> {
  const outcome = await sourceBundle(pathToFileURL(main).href, bundles);
  if ('path' in outcome) return outcome.path;
  throw new Error(outcome.problem);
}

async function run(path: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [START, path]);
  return stdout.trim();
}

test('one is made once, and its code takes itself to be where its source is', async () => {
  const first = await bundle();
  expect(await run(first)).toBe(`1 ${pathToFileURL(main).href}`);
  const { mtimeMs } = statSync(first);
  expect(await bundle()).toBe(first);
  expect(statSync(first).mtimeMs).toBe(mtimeMs);
});

test('a source of the same size and time but with other content makes another', async () => {
  await bundle();
  const { atime, mtime } = statSync(part);
  writeFileSync(part, 'export const value: number = 2;\n');
  utimesSync(part, atime, mtime);
  expect(await run(await bundle())).toMatch(/^2 /u);
  // And back again.
  writeFileSync(part, 'export const value: number = 1;\n');
  expect(await run(await bundle())).toMatch(/^1 /u);
});

test('one that lost its content is made again', async () => {
  truncateSync(await bundle());
  expect(await run(await bundle())).toMatch(/^1 /u);
});

test('many processes that ask at once all get a whole one, and leave nothing else behind', async () => {
  const ask = `const { sourceBundle } = await import(${JSON.stringify(MODULE)});
    const { path } = await sourceBundle(${JSON.stringify(pathToFileURL(main).href)}, ${JSON.stringify(bundles)});
    await import(path);`;
  const words = ['--input-type=module', '--eval', ask];
  const runs = Array.from({ length: 4 }, () => promisify(execFile)(process.execPath, words));
  for (const { stdout } of await Promise.all(runs)) expect(stdout).toMatch(/^1 /u);
  expect(readdirSync(bundles).map((name) => name.replace(/^.*?\./u, ''))).toEqual(
    expect.arrayContaining(['json', 'mjs', 'mjs.map']),
  );
  expect(readdirSync(bundles)).toHaveLength(3);
});

test('an error’s stack names files and lines of the sources', async () => {
  writeFileSync(
    part,
    '\nexport interface Unused { readonly a: 1 }\nexport const value = new Error("no").stack;\n',
  );
  expect(await run(await bundle())).toContain(`${pathToFileURL(part).href}:3:`);
});

test('where none can be made, the reason is told once', async () => {
  writeFileSync(part, 'export const value = ;\n');
  const outcome = await sourceBundle(pathToFileURL(main).href, bundles);
  const problem = 'problem' in outcome ? outcome.problem : '';
  expect(problem).toContain('Unexpected ";"');
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  tellUnbundled(pathToFileURL(main).href, problem);
  tellUnbundled(pathToFileURL(main).href, problem);
  expect(told.mock.calls).toHaveLength(1);
  expect(told.mock.calls[0]?.[0]).toMatch(
    /main\.ts starts .* later, it cannot be bundled: .*Unexpected ";"/su,
  );
});
