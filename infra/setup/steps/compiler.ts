/** A C++ compiler, where anything has to be compiled and the system has none. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, findCompiler, requireCompiler } from '../compiler.ts';
import { aptCommand, aptPlan, canAptInstall } from '../programs.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';
import { wheelOfProgram } from '../wheels/wheel-programs.ts';
import { wheelTitle } from '../wheels/wheel.ts';

const PACKAGES = ['g++'];
/** Unpacked, with the C++ library that it compiles for itself. */
const ZIG_DISK_BYTES = 400e6;
/** Draws in all of C++'s library that the addons need. */
const SAMPLE =
  '#include <string>\n#include <mutex>\nstd::string modalmix_sample(std::mutex &lock) { std::lock_guard<std::mutex> hold(lock); return "ok"; }\n';

/** @param compiled the steps that compile something: none of them missing, and no compiler is */
export function compilerStep(compiled: readonly SetupStep[]): SetupStep {
  return {
    name: 'C++ compiler',
    purpose: "TensorFlow's addon and fast kernels",
    check: async (context) => {
      const compiler = findCompiler();
      if (compiler !== undefined)
        return { inPlace: true, version: versionOf(compiler.args), origin: compiler.program };
      const findings = await Promise.all(compiled.map(async (step) => await step.check(context)));
      if (findings.every(({ inPlace }) => inPlace)) {
        return { inPlace: true, version: 'not needed', origin: 'all is compiled' };
      }
      return missing(context);
    },
    perform: async (context) => {
      const compiler = await requireCompiler(context);
      if (compiler.args.length === 0) return;
      context.say("compiling C++'s library with Zig, once");
      const folder = await mkdtemp(join(tmpdir(), 'modalmix-compiler-'));
      try {
        const source = join(folder, 'sample.cc');
        await writeFile(source, SAMPLE);
        const args = ['-O2', '-fPIC', '-shared', '-std=c++17', source, '-o', join(folder, 'sample.so')];
        await compile(compiler, args, `Install a C++ compiler (${aptCommand(PACKAGES)}).`);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

function versionOf(args: readonly string[]): string {
  return args.length === 0 ? 'on PATH' : "Zig's clang";
}

function missing(context: SetupContext): Finding {
  const contents = wheelOfProgram('zig');
  const absent = { inPlace: false, problem: 'none is installed', fix: aptCommand(PACKAGES) } as const;
  if (contents === undefined || (context.systemPackages === true && canAptInstall())) {
    return { ...absent, plan: aptPlan(PACKAGES) };
  }
  const { wheel } = contents;
  return {
    ...absent,
    plan: { from: `wheel ${wheelTitle(wheel)}`, downloadBytes: wheel.bytes, diskBytes: ZIG_DISK_BYTES },
  };
}
