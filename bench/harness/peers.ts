/**
 * The peers' Python: an environment a requirements file of `bench/peers/`, made when a bench first asks for it and
 * kept in the cache folder. Every package is pinned by version and hash.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { ModalmixError } from '../../schemas/errors.ts';
import { cacheFolder } from '../../infra/folders.ts';
import { withLock } from '../../infra/lock.ts';
import {
  aptCommand,
  aptInstall,
  canAptInstall,
  requirePython,
  runProgram,
} from '../../infra/setup/programs.ts';

const PEERS_FOLDER = fileURLToPath(new URL('../peers', import.meta.url));
/** Of PyTorch: Debian's own build. */
export const SYSTEM_PYTHON = '/usr/bin/python3';
const LOCK_TIMEOUT_MS = 30 * 60_000;

export interface PeerPython {
  /** Interpreter of the environment. */
  readonly python: string;
}

export interface PeerOptions {
  readonly say: (line: string) => void;
  /** On top of the system's Python and its packages, e.g. Debian's PyTorch. */
  readonly onSystemPackages?: boolean;
}

/**
 * @param name of `bench/peers/<name>.txt`: every package that is needed, `name==version --hash=sha256:…`
 * @throws ModalmixError `dependency` when it cannot be made
 */
export async function requirePeerPython(name: string, options: PeerOptions): Promise<PeerPython> {
  const requirements = join(PEERS_FOLDER, `${name}.txt`);
  const key = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  const folder = join(cacheFolder(), `bench-venv-${name}`);
  const python = join(folder, 'bin', 'python');
  // Written last: its presence means that the environment is complete.
  const stamp = join(folder, 'requirements.sha256');
  await mkdir(cacheFolder(), { recursive: true });
  await withLock(join(cacheFolder(), `bench-venv-${name}.lock`), { waitMs: LOCK_TIMEOUT_MS }, async () => {
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return;
    options.say(`making the Python environment "${name}"`);
    await rm(folder, { recursive: true, force: true });
    const fix = 'Python 3.11 or newer with venv is needed, and a reachable package index.';
    const system = options.onSystemPackages === true;
    const base = system ? SYSTEM_PYTHON : await requirePython('venv', { engine: 'auto', say: options.say });
    await runProgram(base, ['-m', 'venv', ...(system ? ['--system-site-packages'] : []), folder], { fix });
    const pip = ['-m', 'pip', '--no-input', '--disable-pip-version-check', 'install', '--quiet'];
    const pinned = ['--no-deps', '--require-hashes', '--only-binary=:all:', '--requirement', requirements];
    await runProgram(python, [...pip, ...pinned], { fix });
    await writeFile(stamp, key);
  });
  return { python };
}

/**
 * Debian's PyTorch, installed where that needs nobody's leave.
 *
 * @returns its version. @throws ModalmixError `dependency` where there is none
 */
export async function requireDebianTorch(say: (line: string) => void): Promise<string> {
  const packages = ['python3-torch', 'python3-venv'];
  const version = await torchVersion();
  if (version !== undefined) return version;
  if (canAptInstall()) await aptInstall(packages, { engine: 'auto', say });
  const installed = await torchVersion();
  if (installed !== undefined) return installed;
  throw new ModalmixError('dependency', "there is no PyTorch among the system's packages", {
    where: SYSTEM_PYTHON,
    fix: `Run: ${aptCommand(packages)}`,
  });
}

async function torchVersion(): Promise<string | undefined> {
  const { stdout, failed } = await execa(SYSTEM_PYTHON, ['-c', 'import torch; print(torch.__version__)'], {
    reject: false,
    stdin: 'ignore',
  });
  return failed ? undefined : stdout.trim();
}
