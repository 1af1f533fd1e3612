/** A Python environment with the libraries that tests compare with, pinned in `test/reference/requirements.txt`. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_FOLDER, cacheFolder } from '../../folders.ts';
import { requirePython, runProgram } from '../programs.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';

const REQUIREMENTS = join(PROJECT_FOLDER, 'test', 'reference', 'requirements.txt');

export const testPythonStep: SetupStep = {
  name: 'Python for tests',
  purpose: 'references that tests compare with',
  check,
  perform,
};

/** Folder of the environment. */
export function testPythonFolder(): string {
  return join(cacheFolder(), 'test-venv');
}

async function check(): Promise<Finding> {
  const key = existsSync(stamp()) ? readFileSync(stamp(), 'utf8') : undefined;
  if (key !== requirementsKey()) {
    return {
      inPlace: false,
      problem: 'its environment is not made yet',
      fix: 'npm run setup -- --for=test',
    };
  }
  return { inPlace: true, version: key.slice(0, 12), origin: testPythonFolder() };
}

async function perform(context: SetupContext): Promise<void> {
  const python = await requirePython('venv', context);
  const folder = testPythonFolder();
  await rm(folder, { recursive: true, force: true });
  await mkdir(cacheFolder(), { recursive: true });
  const fix =
    'Python 3.11 or newer with venv is needed, and a reachable package index; then "npm test" again.';
  await runProgram(python, ['-m', 'venv', folder], { fix });
  context.say('fetching numpy, scipy, librosa, soundfile, pyarrow, duckdb');
  const installed = join(folder, 'bin', 'python');
  const pip = ['-m', 'pip', '--no-input', '--disable-pip-version-check'];
  await runProgram(installed, [...pip, 'install', '--quiet', '--no-deps', '--requirement', REQUIREMENTS], {
    fix,
  });
  // What is needed but not pinned would otherwise show only when a test imports it.
  await runProgram(installed, [...pip, 'check'], {
    fix: 'Pin what is missing in test/reference/requirements.txt.',
  });
  await writeFile(stamp(), requirementsKey());
}

/** Written last: its presence means that the environment is complete. */
function stamp(): string {
  return join(testPythonFolder(), 'requirements.sha256');
}

function requirementsKey(): string {
  return createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex');
}
