import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PROJECT_FOLDER } from '../../infra/folders.ts';

const { version } = JSON.parse(readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8')) as {
  version: string;
};

describe('a fresh clone, where nothing is installed', () => {
  let clone: string;

  beforeEach(() => {
    clone = mkdtempSync(join(tmpdir(), 'modalmix-clone-'));
    for (const file of ['cli', 'infra/command', 'package.json']) {
      cpSync(join(PROJECT_FOLDER, file), join(clone, file), { recursive: true });
    }
  });

  afterEach(() => {
    rmSync(clone, { recursive: true, force: true });
  });

  const modalmix = async (...words: string[]) =>
    await execa(process.execPath, [join(clone, 'cli', 'modalmix.mjs'), ...words], {
      reject: false,
      cwd: tmpdir(),
    });

  test('says in one line what to run', async () => {
    const { exitCode, stderr, stdout } = await modalmix('run', 'clips');
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toBe(
      `modalmix: the npm package tsx is not installed. → Run "npm run setup" in ${clone}/ (or "npm start", which also runs the demo).`,
    );
  });

  test('knows its version', async () => {
    expect((await modalmix('--version')).stdout).toBe(version);
  });
});
