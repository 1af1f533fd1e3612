/**
 * The peers' Python: an environment a requirements file of `bench/peers/`, made when a bench first asks for it and
 * kept in the cache folder. Every package is pinned by version and hash.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { ModalmixError } from '../../schemas/errors.ts';
import { cacheFolder } from '../../infra/folders.ts';
import { withLock } from '../../infra/lock.ts';
import { aptCommand, aptInstall, canAptInstall } from '../../infra/setup/programs.ts';
import {
  findEnvironment,
  interpreterOf,
  makeEnvironment,
  type PythonEnvironment,
} from '../../infra/setup/python-environment.ts';
import type { SetupContext } from '../../infra/setup/step.ts';

const PEERS_FOLDER = fileURLToPath(new URL('../peers', import.meta.url));
/** Of PyTorch: Debian's own build. */
export const SYSTEM_PYTHON = '/usr/bin/python3';
const LOCK_TIMEOUT_MS = 30 * 60_000;

/**
 * @param name of `bench/peers/<name>.txt`: every package that is needed, `name==version --hash=sha256:…`
 * @param base the interpreter that it is made of; absent: the first that is found
 * @returns the environment's interpreter
 * @throws ModalmixError `dependency` when it cannot be made
 */
export async function requirePeerPython(
  name: string,
  say: (line: string) => void,
  base?: string,
): Promise<string> {
  const environment = environmentOf(name);
  await mkdir(cacheFolder(), { recursive: true });
  await withLock(join(cacheFolder(), `bench-venv-${name}.lock`), { waitMs: LOCK_TIMEOUT_MS }, async () => {
    if (findEnvironment(environment) !== undefined) return;
    say(`making the Python environment "${name}"`);
    const context: SetupContext = { engine: 'auto', say };
    await makeEnvironment(environment, context, {
      pip: ['--require-hashes', '--only-binary=:all:'],
      ...(base === undefined ? {} : { base }),
      fix: 'Python 3.11 or newer with venv is needed, and a reachable package index.',
    });
  });
  return interpreterOf(environment);
}

/** The interpreter of an environment that was made before; undefined when it has to be made. */
export function findPeerPython(name: string): string | undefined {
  const environment = environmentOf(name);
  return findEnvironment(environment) === undefined ? undefined : interpreterOf(environment);
}

function environmentOf(name: string): PythonEnvironment {
  return {
    folder: join(cacheFolder(), `bench-venv-${name}`),
    requirements: join(PEERS_FOLDER, `${name}.txt`),
  };
}

/**
 * As `requirePeerPython`, for packages that are used by Debian's Python, beside its own.
 *
 * @returns the folder to put first among those where modules are looked for
 */
export async function requirePeerPackages(name: string, say: (line: string) => void): Promise<string> {
  const python = await requirePeerPython(name, say, SYSTEM_PYTHON);
  const print = 'import sysconfig; print(sysconfig.get_path("purelib"))';
  const { stdout } = await execa(python, ['-c', print], { stdin: 'ignore' });
  return stdout.trim();
}

/**
 * Debian's PyTorch, installed where that needs nobody's leave.
 *
 * @param besides what else is needed: modules, each with the package it is in
 * @returns PyTorch's version. @throws ModalmixError `dependency` where there is none
 */
export async function requireDebianTorch(
  say: (line: string) => void,
  besides: Readonly<Record<string, string>> = {},
): Promise<string> {
  const packages = ['python3-torch', 'python3-venv', ...Object.values(besides)];
  const torchVersion = async () => await versionOfTorch(Object.keys(besides));
  const version = await torchVersion();
  if (version !== undefined) return version;
  if (canAptInstall()) await aptInstall(packages, { engine: 'auto', say });
  const installed = await torchVersion();
  if (installed !== undefined) return installed;
  throw new ModalmixError('dependency', `one of ${packages.join(', ')} is not among the system's packages`, {
    where: SYSTEM_PYTHON,
    fix: `Run: ${aptCommand(packages)}`,
  });
}

async function versionOfTorch(modules: readonly string[]): Promise<string | undefined> {
  const print = `import ${['torch', ...modules].join()}; print(torch.__version__)`;
  const { stdout, failed } = await execa(SYSTEM_PYTHON, ['-c', print], { reject: false, stdin: 'ignore' });
  return failed ? undefined : stdout.trim();
}
