/** Python environments in the cache folder, each made of a requirements file that pins every package. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { requirePython, runProgram } from './programs.ts';
import type { SetupContext } from './step.ts';

export interface PythonEnvironment {
  readonly folder: string;
  /** The requirements file. */
  readonly requirements: string;
}

const PIP = ['-m', 'pip', '--no-input', '--disable-pip-version-check'] as const;

/** Its interpreter. */
export function interpreterOf({ folder }: PythonEnvironment): string {
  return join(folder, 'bin', 'python');
}

/** @returns the hash of its requirements, when it is complete and made of them as they are */
export function findEnvironment(environment: PythonEnvironment): string | undefined {
  const stamp = stampOf(environment);
  const made = existsSync(stamp) ? readFileSync(stamp, 'utf8') : undefined;
  return made === keyOf(environment) ? made : undefined;
}

/**
 * Makes it, in place of an earlier one.
 *
 * @param options.base the interpreter that it is made of, with `venv`; absent: the first that is found
 * @param options.pip further options of `pip install`
 * @param options.fix what a person has to do when it fails
 * @param options.incomplete what to do when packages need others that are not pinned; absent: that is not looked at
 * @throws ModalmixError `dependency`
 */
export async function makeEnvironment(
  environment: PythonEnvironment,
  context: SetupContext,
  options: {
    readonly base?: string;
    readonly pip?: readonly string[];
    readonly fix: string;
    readonly incomplete?: string;
  },
): Promise<void> {
  const { folder, requirements } = environment;
  const { pip = [], fix, incomplete } = options;
  const base = options.base ?? (await requirePython('venv', context));
  await rm(folder, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true });
  await runProgram(base, ['-m', 'venv', folder], { fix });
  const python = interpreterOf(environment);
  const words = ['install', '--quiet', '--no-deps', ...pip, '--requirement', requirements];
  await runProgram(python, [...PIP, ...words], { fix });
  // What is needed but not pinned would otherwise show only when it is imported.
  if (incomplete !== undefined) await runProgram(python, [...PIP, 'check'], { fix: incomplete });
  await writeFile(stampOf(environment), keyOf(environment));
}

/** Written last: its presence means that the environment is complete. */
function stampOf({ folder }: PythonEnvironment): string {
  return join(folder, 'requirements.sha256');
}

function keyOf({ requirements }: PythonEnvironment): string {
  return createHash('sha256').update(readFileSync(requirements)).digest('hex');
}
