import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { describeGpu, nvidiaGpus } from '../../../pipelines/process/nvidia-gpus.ts';

describe('the NVIDIA GPUs', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('are told with memory and driver, as nvidia-smi has them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'modalmix-smi-'));
    onTestFinished(async () => rm(folder, { recursive: true, force: true }));
    const program = join(folder, 'nvidia-smi');
    // Machines with a GPU run these tests too: what is on PATH first must count.
    await writeFile(
      program,
      '#!/bin/sh\necho "NVIDIA H100 80GB HBM3, 81559, 570.86.15"\necho "NVIDIA GB10, [N/A], 580.10"\n',
    );
    await chmod(program, 0o755);
    vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH'] ?? ''}`);

    const gpus = await nvidiaGpus();

    expect(gpus.map(describeGpu)).toEqual([
      'NVIDIA H100 80GB HBM3, 79.6 GiB, driver 570.86.15',
      'NVIDIA GB10, driver 580.10',
    ]);
  });
});
