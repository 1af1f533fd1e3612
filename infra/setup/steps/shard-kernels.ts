/** The functions for shards in `pipelines/shards/native/`, compiled for this machine's processor: a matter of speed only. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { SHARD_KERNELS_PATH } from '../../../pipelines/shards/native.ts';
import { readStateFile, writeStateFile } from '../../state-file.ts';
import { runProgram } from '../programs.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';
import { requireCompiler } from './tensorflow.ts';

const SOURCE = fileURLToPath(new URL('../../../pipelines/shards/native/shard_kernels.cc', import.meta.url));
const STAMP = `${SHARD_KERNELS_PATH}.json`;

const stampSchema = z.object({
  /** Of the source and the processor's flags. */
  input: z.string(),
  librarySha256: z.string(),
});

export const shardKernelsStep: SetupStep = {
  name: 'shard kernels',
  purpose: 'fast writing of shards',
  check: () => Promise.resolve(check()),
  perform,
};

function check(): Finding {
  const absent = (problem: string): Finding => ({ inPlace: false, problem, fix: 'npm run setup' });
  const stamp = readStateFile(STAMP, stampSchema);
  if (stamp === undefined || !existsSync(SHARD_KERNELS_PATH)) return absent('they are not compiled');
  if (stamp.input !== inputHash())
    return absent('they are compiled from another source, or for another machine');
  if (stamp.librarySha256 !== sha256(readFileSync(SHARD_KERNELS_PATH)))
    return absent('the library is not the one that was compiled');
  const detail = processorFlags().join(' ');
  return { inPlace: true, version: stamp.input.slice(0, 12), origin: SHARD_KERNELS_PATH, detail };
}

async function perform(context: SetupContext): Promise<void> {
  const compiler = await requireCompiler(context);
  const require = createRequire(import.meta.url);
  const headers = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  const temporary = `${SHARD_KERNELS_PATH}.${String(process.pid)}.tmp`;
  mkdirSync(dirname(SHARD_KERNELS_PATH), { recursive: true });
  // On macOS the functions of Node are found when the library is loaded.
  const undefinedLater = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  await runProgram(
    compiler,
    [
      ...['-std=c++17', '-O3', '-fPIC', '-shared', '-Wno-psabi', '-DNAPI_VERSION=8'],
      ...[...processorFlags(), ...undefinedLater, '-I', headers, SOURCE, '-o', temporary],
    ],
    { fix: 'Install a current C++ compiler (GCC 9 or newer), then run "npm run setup" again.' },
  );
  // Renamed over the old one: a process that has it open keeps what it has.
  await rename(temporary, SHARD_KERNELS_PATH);
  writeStateFile(STAMP, { input: inputHash(), librarySha256: sha256(readFileSync(SHARD_KERNELS_PATH)) });
}

/** The instructions that the functions may use. */
function processorFlags(): string[] {
  if (process.arch !== 'x64' || !existsSync('/proc/cpuinfo')) return [];
  return /^flags\s*:.*\bavx2\b/mu.test(readFileSync('/proc/cpuinfo', 'utf8')) ? ['-mavx2'] : [];
}

function inputHash(): string {
  return sha256([...processorFlags(), readFileSync(SOURCE, 'utf8')].join('\0'));
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
