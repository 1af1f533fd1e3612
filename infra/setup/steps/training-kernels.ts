/**
 * Our own training kernels (`pipelines/engine/native/`), compiled against the libtensorflow that set-up has linked,
 * for this machine's processor. Without them training works too, slower.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { processorFeatures } from '../../../pipelines/process/processor-features.ts';
import {
  NATIVE_SOURCES,
  nativeLibraryPath,
  nativeSourcesHash,
  nativeStampPath,
  nativeStampSchema,
} from '../../../pipelines/engine/kernels/native-sources.ts';
import { readStateFile, writeStateFile } from '../../state-file.ts';
import { compile, requireCompiler } from '../compiler.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';
import { TENSORFLOW_VERSION } from '../tensorflow-package.ts';

export const trainingKernelsStep: SetupStep = {
  name: 'training kernels',
  purpose: 'fast training on the CPU',
  check: () => Promise.resolve(check()),
  perform,
};

function check(): Finding {
  const { library, stamp: stampFile } = places();
  const absent = (problem: string): Finding => ({ inPlace: false, problem, fix: 'npm run setup' });
  const stamp = readStateFile(stampFile, nativeStampSchema);
  if (stamp === undefined || !existsSync(library)) return absent('they are not compiled');
  if (stamp.input !== inputHash())
    return absent('they are compiled from other sources, or for another machine');
  if (sha256(readFileSync(library)) !== stamp.librarySha256)
    return absent('the library is not the one that was compiled');
  return {
    inPlace: true,
    version: stamp.input.slice(0, 12),
    origin: library,
    detail: processorFlags().join(' '),
  };
}

async function perform(context: SetupContext): Promise<void> {
  const { library, stamp, deps } = places();
  const sources = nativeSourcesHash();
  const compiler = await requireCompiler(context);
  const headers = join(
    dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json')),
    'include',
  );
  const libraries = join(deps, 'lib');
  const temporary = `${library}.${String(process.pid)}.tmp`;
  context.say('compiling the kernels');
  await compile(
    compiler,
    [
      ...['-std=c++17', '-O3', '-fPIC', '-shared', '-pthread', '-Wno-psabi', '-DNAPI_VERSION=8'],
      ...processorFlags(),
      ...['-I', headers, '-I', join(deps, 'include'), join(NATIVE_SOURCES, 'kernels.cc')],
      ...['-L', libraries, '-ltensorflow', '-ltensorflow_framework', '-Wl,-rpath,$ORIGIN/../../deps/lib'],
      ...['-o', temporary],
    ],
    'Install a current C++ compiler (GCC 9 or newer), then run "npm run setup" again.',
  );
  // Renamed over the old one: a process that has it open keeps what it has.
  await rename(temporary, library);
  writeStateFile(stamp, { input: inputHash(), sources, librarySha256: sha256(readFileSync(library)) });
}

/** The instructions that the kernels may use. */
function processorFlags(): string[] {
  const features = processorFeatures();
  const isVectorised = process.arch === 'x64' && features.has('avx2') && features.has('fma');
  return isVectorised ? ['-mavx2', '-mfma'] : [];
}

function inputHash(): string {
  return sha256([TENSORFLOW_VERSION, ...processorFlags(), nativeSourcesHash()].join('\0'));
}

function places() {
  const root = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json'));
  return { deps: join(root, 'deps'), library: nativeLibraryPath(), stamp: nativeStampPath() };
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
