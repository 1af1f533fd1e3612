/** A Python environment with the libraries that tests compare with, pinned in `test/reference/requirements.txt`. */
import { join } from 'node:path';
import { PROJECT_FOLDER, cacheFolder } from '../../folders.ts';
import { findEnvironment, makeEnvironment } from '../python-environment.ts';
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

function environment() {
  return { folder: testPythonFolder(), requirements: REQUIREMENTS };
}

async function check(): Promise<Finding> {
  const key = findEnvironment(environment());
  return key === undefined
    ? { inPlace: false, problem: 'its environment is not made yet', fix: 'npm run setup -- --for=test' }
    : { inPlace: true, version: key.slice(0, 12), origin: testPythonFolder() };
}

async function perform(context: SetupContext): Promise<void> {
  context.say('fetching numpy, scipy, librosa, soundfile, pyarrow, duckdb, kafka-python, temporalio');
  await makeEnvironment(environment(), context, {
    fix: 'Python 3.11 or newer with venv is needed, and a reachable package index; then "npm test" again.',
    incomplete: 'Pin what is missing in test/reference/requirements.txt.',
  });
}
