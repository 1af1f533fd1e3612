/** The memory of large tensors (`pipelines/engine/memory/`) beside allocators that are put before the C library the same way. */
import { join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { PROJECT_FOLDER } from '../../infra/folders.ts';
import { nodeWithTypeScript } from '../../infra/supervisor/supervise.ts';
import { tensorMemoryEnvironment } from '../../pipelines/engine/memory/tensor-memory.ts';
import { tensorflowEnvironment } from '../../pipelines/engine/tensorflow-child.ts';
import { inTurns } from '../harness/in-turns.ts';
import type { Compared, Measured, OwnCodeOptions } from './compared.ts';
import { requireAllocators } from './peers.ts';

const BATCHES = [8];
const QUICK_BATCHES = [2];

const profileSchema = z.looseObject({
  stepMs: z.number(),
  systemMs: z.number(),
  wallMs: z.number(),
  peakMiB: z.number(),
});

/** A training step by `bench/step-profile.ts`, in a process of its own. */
export async function measureMemory({ rounds, quick, say }: OwnCodeOptions): Promise<Compared[]> {
  const contenders = await environments();
  const compared: Compared[] = [];
  for (const batch of quick ? QUICK_BATCHES : BATCHES) {
    const measured = Object.entries(contenders).map(([name, env]) => [
      name,
      async () => await profile(batch, env),
    ]);
    compared.push({
      title: `Memory of large tensors, batch ${String(batch)}`,
      method:
        'A training step of both networks (`bench/step-profile.ts`), each contender a process of its own that is started with it.',
      figures: {
        'a step, processor': { unit: 'ms', digits: 0 },
        'of it the system': { unit: 'ms', digits: 0 },
        'peak memory': { unit: 'MiB', digits: 0 },
        'a step, clock': { unit: 'ms', digits: 0 },
      },
      rounds: await inTurns(rounds, Object.fromEntries(measured) as Record<string, () => Promise<Measured>>),
    });
    say(`batch ${String(batch)} is measured`);
  }
  return compared;
}

/** All but the first two without our library, and with large tensors by malloc (`TF_ONEDNN_USE_SYSTEM_ALLOCATOR`). */
async function environments(): Promise<Record<string, Record<string, string>>> {
  const { mimalloc, jemalloc } = await requireAllocators();
  const malloc = { TF_ONEDNN_USE_SYSTEM_ALLOCATOR: '1' };
  return {
    ours: tensorMemoryEnvironment(),
    'TensorFlow’s allocator': {},
    'glibc, in huge pages': malloc,
    'mimalloc 2.0': { ...malloc, LD_PRELOAD: mimalloc },
    'mimalloc 2.0, MIMALLOC_LARGE_OS_PAGES=1': {
      ...malloc,
      LD_PRELOAD: mimalloc,
      MIMALLOC_LARGE_OS_PAGES: '1',
    },
    'jemalloc 5.3': { ...malloc, LD_PRELOAD: jemalloc },
    'jemalloc 5.3, huge pages that it keeps': {
      ...malloc,
      LD_PRELOAD: jemalloc,
      MALLOC_CONF: 'thp:always,metadata_thp:auto,oversize_threshold:0,dirty_decay_ms:-1',
    },
  };
}

async function profile(batch: number, env: Record<string, string>): Promise<Measured> {
  const { program, args } = nodeWithTypeScript();
  const common = Object.entries(tensorflowEnvironment()).filter(
    ([name]) => !Object.keys(tensorMemoryEnvironment()).includes(name),
  );
  const file = join(PROJECT_FOLDER, 'bench', 'step-profile.ts');
  const { stdout } = await execa(program, [...args, file, '--batch', String(batch), '--json'], {
    env: { ...Object.fromEntries(common), ...env },
    stdin: 'ignore',
  });
  const { stepMs, systemMs, wallMs, peakMiB } = profileSchema.parse(JSON.parse(stdout));
  return {
    'a step, processor': stepMs,
    'of it the system': systemMs,
    'peak memory': peakMiB,
    'a step, clock': wallMs,
  };
}
