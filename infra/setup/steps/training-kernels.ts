/**
 * Our own training kernels (`pipelines/engine/native/`), compiled against the libtensorflow that set-up has linked,
 * for this machine's processor: with eight lanes and, where it has AVX-512, with sixteen too, so that a copy on a machine
 * without it has kernels that run there. Without them training works too, slower.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  instructionsFor,
  LANES,
  NATIVE_SOURCES,
  nativeLibraryPath,
  nativeSourcesHash,
  nativeStampPath,
  nativeStampSchema,
  type Lanes,
} from '../../../pipelines/engine/kernels/native-sources.ts';
import { readStateFile, writeStateFile } from '../../state-file.ts';
import { compile, requireCompiler, type Compiler } from '../compiler.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';
import { TENSORFLOW_VERSION } from '../tensorflow-package.ts';

export const trainingKernelsStep: SetupStep = {
  name: 'training kernels',
  purpose: 'fast training on the CPU',
  check: () => Promise.resolve(check()),
  perform,
};

/** One library. */
interface Build {
  readonly lanes: Lanes;
  readonly instructions: readonly string[];
}

/** Those for this processor, the fastest first. */
function builds(): readonly Build[] {
  return LANES.flatMap((lanes) => {
    const instructions = instructionsFor(lanes);
    return instructions === undefined ? [] : [{ lanes, instructions }];
  });
}

function check(): Finding {
  const findings = builds().map(checkBuild);
  return findings.find(({ inPlace }) => !inPlace) ?? findings[0]!;
}

function checkBuild(build: Build): Finding {
  const library = nativeLibraryPath(build.lanes);
  const absent = (problem: string): Finding => ({ inPlace: false, problem, fix: 'npm run setup' });
  const stamp = readStateFile(nativeStampPath(build.lanes), nativeStampSchema);
  const lanes = `${String(build.lanes)} lanes`;
  if (stamp === undefined || !existsSync(library)) return absent(`they are not compiled with ${lanes}`);
  if (stamp.input !== inputHash(build))
    return absent('they are compiled from other sources, or for another machine');
  if (sha256(readFileSync(library)) !== stamp.librarySha256)
    return absent('the library is not the one that was compiled');
  return {
    inPlace: true,
    version: stamp.input.slice(0, 12),
    origin: library,
    detail: [lanes, ...build.instructions].join(' '),
  };
}

async function perform(context: SetupContext): Promise<void> {
  const compiler = await requireCompiler(context);
  context.say('compiling the kernels');
  await Promise.all(
    builds()
      .filter((build) => !checkBuild(build).inPlace)
      .map((build) => compileBuild(build, compiler)),
  );
}

async function compileBuild(build: Build, compiler: Compiler): Promise<void> {
  const sources = nativeSourcesHash();
  const library = nativeLibraryPath(build.lanes);
  const headers = join(
    dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json')),
    'include',
  );
  const deps = join(
    dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json')),
    'deps',
  );
  const libraries = join(deps, 'lib');
  const temporary = `${library}.${String(process.pid)}.tmp`;
  await compile(
    compiler,
    [
      ...['-std=c++17', '-O3', '-fPIC', '-shared', '-pthread', '-Wno-psabi', '-DNAPI_VERSION=8'],
      ...flagsOf(build),
      ...['-I', headers, '-I', join(deps, 'include'), join(NATIVE_SOURCES, 'kernels.cc')],
      ...['-L', libraries, '-ltensorflow', '-ltensorflow_framework', '-Wl,-rpath,$ORIGIN/../../deps/lib'],
      ...['-o', temporary],
    ],
    'Install a current C++ compiler (GCC 9 or newer), then run "npm run setup" again.',
  );
  // Renamed over the old one: a process that has it open keeps what it has.
  await rename(temporary, library);
  writeStateFile(nativeStampPath(build.lanes), {
    input: inputHash(build),
    sources,
    librarySha256: sha256(readFileSync(library)),
    instructions: [...build.instructions],
  });
}

function flagsOf({ lanes, instructions }: Build): readonly string[] {
  // What is not written for sixteen lanes is slower when the compiler makes them of it.
  const width = lanes === 16 ? ['-mprefer-vector-width=256'] : [];
  return [...instructions.map((name) => `-m${name}`), ...width];
}

function inputHash(build: Build): string {
  return sha256([TENSORFLOW_VERSION, ...flagsOf(build), nativeSourcesHash()].join('\0'));
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
