/** A Python environment with an MLflow server, pinned in `test/reference/mlflow-requirements.txt`: large, so apart from the other. */
import { join } from 'node:path';
import { PROJECT_FOLDER, cacheFolder } from '../../folders.ts';
import { findEnvironment, makeEnvironment } from '../python-environment.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';

const REQUIREMENTS = join(PROJECT_FOLDER, 'test', 'reference', 'mlflow-requirements.txt');

export const testMlflowStep: SetupStep = {
  name: 'MLflow for tests',
  purpose: 'a server that trainings are written to',
  check,
  perform,
};

/** Folder of the environment. */
export function testMlflowFolder(): string {
  return join(cacheFolder(), 'test-mlflow-venv');
}

function environment() {
  return { folder: testMlflowFolder(), requirements: REQUIREMENTS };
}

async function check(): Promise<Finding> {
  const key = findEnvironment(environment());
  return key === undefined
    ? { inPlace: false, problem: 'its environment is not made yet', fix: 'npm run setup -- --for=test' }
    : { inPlace: true, version: key.slice(0, 12), origin: testMlflowFolder() };
}

async function perform(context: SetupContext): Promise<void> {
  context.say('fetching mlflow and what its server needs, 400 MB');
  // Not all that its packages name: what logs from Python is left out.
  await makeEnvironment(environment(), context, {
    fix: 'Python 3.11 or newer with venv is needed, and a reachable package index; then "npm test" again.',
  });
}
