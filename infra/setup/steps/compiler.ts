/** A C++ compiler, where anything has to be compiled and the system has none. */
import { findCompiler, requireCompiler } from '../compiler.ts';
import { aptCommand, aptPlan, canAptInstall } from '../programs.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';
import { wheelOfProgram } from '../wheels/wheel-programs.ts';
import { wheelTitle } from '../wheels/wheel.ts';

const PACKAGES = ['g++'];
/** Unpacked, with what it keeps of its work. */
const ZIG_DISK_BYTES = 400e6;
/** @param compiled the steps that compile something: none of them missing, and no compiler is */
export function compilerStep(compiled: readonly SetupStep[]): SetupStep {
  return {
    name: 'C++ compiler',
    purpose: "TensorFlow's addon and fast kernels",
    check: async (context) => {
      const compiler = findCompiler();
      if (compiler !== undefined)
        return {
          inPlace: true,
          version: compiler.isZig ? "Zig's clang" : 'on PATH',
          origin: compiler.program,
        };
      const findings = await Promise.all(compiled.map(async (step) => await step.check(context)));
      if (findings.every(({ inPlace }) => inPlace)) {
        return { inPlace: true, version: 'not needed', origin: 'all is compiled' };
      }
      return missing(context);
    },
    fetch: async (context) => {
      await requireCompiler(context);
    },
    perform: async (context) => {
      await requireCompiler(context);
    },
  };
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
