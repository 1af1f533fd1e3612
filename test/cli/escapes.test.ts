/** File names with terminal escapes: shown by every kind of output, obeyed by none. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';

const MODALMIX = fileURLToPath(new URL('../../cli/modalmix.mjs', import.meta.url));
const CLASS = 'low\u001b[2J\u001b]52;c;cm0=\u0007\u009b\nerror: forged';
// eslint-disable-next-line no-control-regex -- they are what is looked for
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/u;

let work: string;
let clips: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'modalmix-escapes-'));
  clips = join(work, 'clips');
  // A dry run decodes nothing.
  for (const name of ['high', CLASS]) {
    await mkdir(join(clips, name), { recursive: true });
    for (let i = 0; i < 8; i += 1) await writeFile(join(clips, name, `${name}${String(i)}.mp4`), String(i));
  }
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

test.each([
  ['a table', () => ['run', '--dry-run', clips], String.raw`low\x1b[2J\x1b]52;c;cm0=\x07\x9b\nerror: forged`],
  ['JSON', () => ['run', '--dry-run', '--json', clips], String.raw`low\u001b[2J`],
  ['an error', () => ['run', '--dry-run', join(clips, CLASS, 'none.yaml')], String.raw`low\x1b[2J`],
  ['an error as JSON', () => ['run', '--json', join(clips, CLASS, 'none.yaml')], String.raw`low\u001b[2J`],
])('%s', async (_, words, shown) => {
  const { all } = await execa(process.execPath, [MODALMIX, ...words()], {
    reject: false,
    all: true,
    cwd: work,
  });
  expect(all).toContain(shown);
  expect(all).not.toMatch(OBEYED);
  expect(all).not.toMatch(/^error: forged/mu);
});
