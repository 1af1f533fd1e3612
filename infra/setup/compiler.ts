/** The C++ compiler: the system's, or else Zig's, which a wheel carries with all that a program needs of C and C++. */
import { ModalmixError } from '../../schemas/errors.ts';
import { findProgram } from '../../pipelines/process/find-program.ts';
import { aptCommand, aptInstall, canAptInstall, runProgram } from './programs.ts';
import type { SetupContext } from './step.ts';
import { ensureWheelFolder } from './wheels/wheel-folder.ts';
import { findWheelProgram, wheelOfProgram } from './wheels/wheel-programs.ts';
import { compileObjectWithZig, compileWithZig, linkWithZig } from './zig.ts';

const PACKAGES = ['g++'] as const;

export interface Compiler {
  readonly program: string;
  readonly isZig: boolean;
}

/** @returns the one that `CXX` names, the system's, or the wheel's where it was fetched; undefined when there is none */
export function findCompiler(): Compiler | undefined {
  const named = process.env['CXX'];
  const program = named === undefined || named === '' ? findProgram('c++', 'g++', 'clang++') : named;
  if (program !== undefined) return { program, isZig: false };
  const zig = findWheelProgram('zig');
  return zig === undefined ? undefined : { program: zig, isZig: true };
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
 * @param args of GCC's and Clang's kind: sources to a shared library
 * @throws ModalmixError `dependency` with the end of what it said
 */
export async function compile(compiler: Compiler, args: readonly string[], fix: string): Promise<void> {
  if (compiler.isZig) await compileWithZig(compiler.program, args, fix);
  else await runProgram(compiler.program, args, { fix });
}

/**
 * One source to an object.
 * @param args of GCC's and Clang's kind, without the source and the object
 * @throws ModalmixError `dependency` with the end of what it said
 */
export async function compileObject(
  compiler: Compiler,
  language: 'c' | 'c++',
  { source, object, args }: { source: string; object: string; args: readonly string[] },
  fix: string,
): Promise<void> {
  const all = [...args, '-c', source, '-o', object];
  if (compiler.isZig) await compileObjectWithZig(compiler.program, language, all, fix);
  else await runProgram(compiler.program, ['-x', language, ...all], { fix });
}

/**
 * Objects to a shared library.
 * @param link other libraries, and options of the linker
 * @throws ModalmixError `dependency` with the end of what it said
 */
export async function linkObjects(
  compiler: Compiler,
  language: 'c' | 'c++',
  files: { objects: readonly string[]; link: readonly string[]; output: string },
  fix: string,
): Promise<void> {
  if (compiler.isZig) {
    await linkWithZig(compiler.program, language, files, fix);
    return;
  }
  const link = files.link.map((word) => (word.startsWith('-') ? `-Wl,${word}` : word));
  await runProgram(compiler.program, ['-shared', '-s', ...files.objects, ...link, '-o', files.output], {
    fix,
  });
}
