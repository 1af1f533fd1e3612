/** The Python with the libraries of `requirements.txt`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { testPythonFolder } from '../../infra/setup/steps/test-python.ts';

/** @returns path of the interpreter: `MODALMIX_TEST_PYTHON`, else the one that `npm test` sets up */
export function testPython(): string {
  const named = process.env['MODALMIX_TEST_PYTHON'];
  const python = named === undefined || named === '' ? join(testPythonFolder(), 'bin', 'python') : named;
  if (existsSync(python)) return python;
  throw new Error(`There is no Python at ${python}: run "npm run setup -- --for=test".`);
}
