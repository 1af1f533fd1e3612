/** The command as set-up builds it: the same command, and never an old one. */
import { readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildCommand } from '../../infra/command/build-command.ts';
import { BUILD_FILE, builtCommand, readBuild } from '../../infra/command/built-command.mjs';
import { PROJECT_FOLDER } from '../../infra/folders.ts';
import { nodeWithTypeScript } from '../../infra/supervisor/supervise.ts';

// Below node_modules, where its packages are found.
const FOLDER = join(PROJECT_FOLDER, 'node_modules', '.cache', 'modalmix', `test-${String(process.pid)}`);

beforeAll(async () => {
  await buildCommand(FOLDER);
});
afterAll(() => {
  rmSync(FOLDER, { recursive: true, force: true });
});

test('says the same as its sources', async () => {
  const { program, args } = nodeWithTypeScript();
  const entry = builtCommand(FOLDER) ?? '';
  const said = async (words: readonly string[]) => {
    const [built, plain] = await Promise.all([
      execa('node', [entry, ...words], { reject: false }),
      execa(program, [...args, join(PROJECT_FOLDER, 'cli', 'main.ts'), ...words], { reject: false }),
    ]);
    expect(built.exitCode).toBe(plain.exitCode);
    expect(built.stderr).toBe(plain.stderr);
    expect(built.stdout).toBe(plain.stdout);
    return built;
  };
  expect((await said(['train', '--help'])).stdout).toContain('--from-stream');
  expect((await said(['run', 'no-such.yaml'])).stderr).toContain('no-such.yaml');
});

test('looks for the files beside it where its sources are', () => {
  const built = dirname(builtCommand(FOLDER) ?? '');
  const texts = readdirSync(built)
    .filter((name) => name.endsWith('.js'))
    .map((name) => readFileSync(join(built, name), 'utf8'));
  expect(texts.length).toBeGreaterThan(10);
  expect(texts.some((text) => text.includes(pathToFileURL(join(PROJECT_FOLDER, 'infra')).href))).toBe(true);
  expect(texts.filter((text) => text.includes('import.meta.url'))).toEqual([]);
});

test('a source that was changed since makes it old, and so does another place', () => {
  const build = readBuild(FOLDER);
  expect(Object.keys(build.sources)).toContain(join(PROJECT_FOLDER, 'cli', 'program', 'program.ts'));
  expect(Object.keys(build.sources).filter((path) => path.includes('node_modules'))).toEqual([]);

  const source = join(FOLDER, 'source.ts');
  writeFileSync(source, 'export {};\n');
  utimesSync(source, 1, 1);
  const sources = { ...build.sources, [source]: [1000, 11] };
  writeFileSync(join(FOLDER, BUILD_FILE), JSON.stringify({ ...build, sources }));
  expect(builtCommand(FOLDER)).toBe(join(FOLDER, build.entry));
  writeFileSync(join(FOLDER, BUILD_FILE), JSON.stringify({ ...build, sources, project: '/elsewhere/' }));
  expect(builtCommand(FOLDER)).toBeUndefined();
  writeFileSync(join(FOLDER, BUILD_FILE), JSON.stringify({ ...build, sources }));
  utimesSync(source, 2, 2);
  expect(builtCommand(FOLDER)).toBeUndefined();
  rmSync(source);
  expect(builtCommand(FOLDER)).toBeUndefined();
});
