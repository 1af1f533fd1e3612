/** The NVIDIA GPUs that this machine's driver sees. */
import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface NvidiaGpu {
  readonly name: string;
  /** Undefined where only the kernel's part of the driver can be asked. */
  readonly memoryMiB?: number;
  readonly driver?: string;
}

const QUERY = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader,nounits'];
const TIMEOUT_MS = 20_000;
const KERNEL_FOLDER = '/proc/driver/nvidia/gpus';

/** By `nvidia-smi`; where that is not installed (a container may lack it), by the driver's files. */
export async function nvidiaGpus(): Promise<NvidiaGpu[]> {
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', QUERY, { timeout: TIMEOUT_MS });
    return parseGpus(stdout);
  } catch {
    return await gpusOfKernel();
  }
}

/** A line a GPU: `name, MiB, driver`. */
export function parseGpus(text: string): NvidiaGpu[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [name = '', memory, driver] = line.split(',').map((word) => word.trim());
      const memoryMiB = Number(memory);
      return {
        name,
        ...(Number.isFinite(memoryMiB) && memoryMiB > 0 ? { memoryMiB } : {}),
        ...(driver === undefined || driver === '' ? {} : { driver }),
      };
    });
}

/** As `NVIDIA H100 80GB HBM3, 79.6 GiB, driver 570.86.15`. */
export function describeGpu({ name, memoryMiB, driver }: NvidiaGpu): string {
  const memory = memoryMiB === undefined ? [] : [`${(memoryMiB / 1024).toFixed(1)} GiB`];
  return [name, ...memory, ...(driver === undefined ? [] : [`driver ${driver}`])].join(', ');
}

async function gpusOfKernel(): Promise<NvidiaGpu[]> {
  try {
    const folders = await readdir(KERNEL_FOLDER);
    return await Promise.all(
      folders.toSorted().map(async (folder) => {
        const facts = await readFile(`${KERNEL_FOLDER}/${folder}/information`, 'utf8');
        return { name: /^Model:\s*(.+)$/mu.exec(facts)?.[1]?.trim() ?? `GPU ${folder}` };
      }),
    );
  } catch {
    return [];
  }
}
