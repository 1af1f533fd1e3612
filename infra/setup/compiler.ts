/** The C++ compiler: the system's, or else Zig's, which a wheel carries with all that a program needs of C and C++. */
import { join } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';
import { cacheFolder } from '../folders.ts';
import { findProgram } from '../find-program.ts';
import { aptCommand, aptInstall, canAptInstall, runProgram } from './programs.ts';
import type { SetupContext } from './step.ts';
import { ensureWheelFolder } from './wheels/wheel-folder.ts';
import { findWheelProgram, wheelOfProgram } from './wheels/wheel-programs.ts';

const PACKAGES = ['g++'] as const;
/** What is compiled may run on systems as old as this one's C library (Debian 10, RHEL 8). */
const OLDEST_GLIBC = '2.28';

export interface Compiler {
  readonly program: string;
  /** Before all others. */
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
}

/** @returns the one that `CXX` names, the system's, or the wheel's where it was fetched; undefined when there is none */
export function findCompiler(): Compiler | undefined {
  const named = process.env['CXX'];
  const program = named === undefined || named === '' ? findProgram('c++', 'g++', 'clang++') : named;
  if (program !== undefined) return { program, args: [] };
  const zig = findWheelProgram('zig');
  return zig === undefined ? undefined : zigCompiler(zig);
}

function zigCompiler(program: string): Compiler {
  const target = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu.${OLDEST_GLIBC}`;
  const cache = join(cacheFolder(), 'zig');
  return {
    program,
    // Which instructions may be used is told by flags, as other compilers are told.
    args: ['c++', '-target', target, '-mcpu=baseline'],
    env: { ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache },
  };
}

/**
 * Fetches one where there is none: Zig's wheel; where that cannot be had, and with `--system-packages`, Debian's.
 * @throws ModalmixError `dependency` when there is none and none can be installed
 */
export async function requireCompiler(context: SetupContext): Promise<Compiler> {
  const found = findCompiler();
  if (found !== undefined) return found;
  const wheel = wheelOfProgram('zig');
  let reason: unknown;
  if (wheel !== undefined && context.systemPackages !== true) {
    try {
      await ensureWheelFolder([wheel], context);
    } catch (error) {
      if (!canAptInstall()) throw error;
      reason = error;
      context.say(error instanceof Error ? error.message : String(error));
    }
  }
  if (findCompiler() === undefined && canAptInstall()) await aptInstall(PACKAGES, context);
  const compiler = findCompiler();
  if (compiler !== undefined) return compiler;
  throw new ModalmixError('dependency', 'no C++ compiler is installed', {
    where: 'PATH',
    fix: `Install one (Debian, Ubuntu: ${aptCommand(PACKAGES)}).`,
    cause: reason,
  });
}

/**
 * @param args of GCC's and Clang's kind
 * @throws ModalmixError `dependency` with the end of what it said
 */
export async function compile(compiler: Compiler, args: readonly string[], fix: string): Promise<void> {
  const { program, env } = compiler;
  await runProgram(program, [...compiler.args, ...args], { fix, ...(env === undefined ? {} : { env }) });
}
