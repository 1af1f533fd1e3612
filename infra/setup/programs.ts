/** The programs of the system that set-up works with. */
import { execa, ExecaError } from 'execa';
import { ModalmixError } from '../../schemas/errors.ts';
import { findProgram } from '../../pipelines/process/find-program.ts';
import type { Plan, SetupContext } from './step.ts';

const OUTPUT_LINES_SHOWN = 15;

/**
 * Runs a program to its end.
 * @returns what it printed on stdout
 * @throws ModalmixError `dependency` with the end of its output when it fails
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly fix: string; readonly env?: Record<string, string>; readonly timeoutMs?: number },
): Promise<string> {
  try {
    const { stdout } = await execa(program, args, {
      stdin: 'ignore',
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    });
    return stdout;
  } catch (cause) {
    const output = cause instanceof ExecaError ? `${String(cause.stdout)}\n${String(cause.stderr)}` : '';
    const lines = output.trim().split('\n').slice(-OUTPUT_LINES_SHOWN);
    const why = cause instanceof ExecaError ? cause.shortMessage : String(cause);
    throw new ModalmixError('dependency', [why, ...lines].join('\n    '), {
      where: program,
      fix: options.fix,
      cause,
    });
  }
}

let listsAreFresh = false;

/** Whether packages can be installed without asking anybody. */
export function canAptInstall(): boolean {
  return process.getuid?.() === 0 && findProgram('apt-get') !== undefined;
}

/** @throws ModalmixError `dependency` when this is not root on Debian or Ubuntu, or the packages cannot be had */
export async function aptInstall(packages: readonly string[], context: SetupContext): Promise<void> {
  const fix = aptCommand(packages);
  if (!canAptInstall()) {
    throw new ModalmixError('dependency', `${packages.join(', ')} must be installed by an administrator`, {
      fix: `Run: ${fix}`,
    });
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  context.say(`apt-get install ${packages.join(' ')}`);
  if (!listsAreFresh) await runProgram('apt-get', ['update', '-qq'], { fix, env });
  listsAreFresh = true;
  const args = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
  await runProgram('apt-get', args, { fix, env });
}

/** For set-up's table. */
export function aptPlan(packages: readonly string[]): Plan {
  return { from: `apt-get: ${packages.join(' ')}`, root: true };
}

/** What a person would type. */
export function aptCommand(packages: readonly string[]): string {
  return `sudo apt-get update && sudo apt-get install ${packages.join(' ')}`;
}

/**
 * A Python that has the module; installs the Debian package for it where that is allowed.
 * @throws ModalmixError `dependency`
 */
export async function requirePython(module: 'pip' | 'venv', context: SetupContext): Promise<string> {
  const found = await findPython(module);
  if (found !== undefined) return found;
  const packages = ['python3', `python3-${module}`];
  if (canAptInstall()) await aptInstall(packages, context);
  const installed = await findPython(module);
  if (installed !== undefined) return installed;
  throw new ModalmixError('dependency', `no python3 with ${module} is installed`, {
    where: 'PATH',
    fix: `Install Python 3.9 or newer with ${module} (Debian, Ubuntu: ${aptCommand(packages)}).`,
  });
}

/** @returns one that is installed and has the module */
export async function findPython(module: 'pip' | 'venv'): Promise<string | undefined> {
  // `venv` may be there without what it needs to put pip into an environment.
  const probe = module === 'pip' ? 'import pip, zipfile' : 'import venv, ensurepip';
  for (const program of ['python3', '/usr/bin/python3', 'python']) {
    const { failed } = await execa(program, ['-c', probe], { reject: false, stdin: 'ignore' });
    if (!failed) return program;
  }
  return undefined;
}
