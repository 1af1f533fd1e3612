/** What this process may use of its machine: the one place that looks. `plan-work.ts` makes slots and threads of it. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { nvidiaGpus } from '../nvidia-gpus.ts';
import { cgroupLimits, type CgroupLimit } from './cgroup-limits.ts';

export interface Machine {
  /** That this process may run on (its affinity: `taskset`, a cpuset). */
  readonly cores: number;
  /** That there are. */
  readonly allCores: number;
  /** How much of their time, in cores, its control groups allow. */
  readonly quota?: CgroupLimit;
  /** Of the machine, bytes. */
  readonly memoryBytes: number;
  /** What its control groups allow of that, bytes. */
  readonly memoryLimit?: CgroupLimit;
  /** That TensorFlow computes on, as `CUDA_VISIBLE_DEVICES` names each; none for the CPU. */
  readonly gpus: readonly string[];
}

/** GPUs are not looked for: that takes a process. @param root what stands for `/` */
export function readMachine(root = '/'): Machine {
  const { cpus: quota, memoryBytes: memoryLimit } = cgroupLimits(root);
  const allCores = Math.max(1, cpus().length);
  return {
    // Newer versions of Node take the quota for cores, rounded: it is told apart here.
    cores: allowedCores(root) ?? availableParallelism(),
    allCores,
    ...(quota === undefined ? {} : { quota }),
    memoryBytes: totalmem(),
    ...(memoryLimit === undefined ? {} : { memoryLimit }),
    gpus: [],
  };
}

/** Cores that work is made for: of 1.5 cores' time two are used, three quarters of the time. */
export function coresOf({ cores, quota }: Pick<Machine, 'cores' | 'quota'>): number {
  return quota === undefined ? cores : Math.max(1, Math.min(cores, Math.ceil(quota.value)));
}

/** Bytes that all processes of the worker may hold together. */
export function memoryOf({ memoryBytes, memoryLimit }: Pick<Machine, 'memoryBytes' | 'memoryLimit'>): number {
  return Math.min(memoryBytes, memoryLimit?.value ?? Infinity);
}

let known: number | undefined;

/** `coresOf` this machine, looked at once a process. At least 1. */
export function usableCores(): number {
  known ??= coresOf(readMachine());
  return known;
}

/** As `CUDA_VISIBLE_DEVICES` names them: those it names already, else all that the driver sees. */
export async function visibleGpus(environment: Readonly<NodeJS.ProcessEnv>): Promise<string[]> {
  const there = (await nvidiaGpus()).map((_, index) => String(index));
  const asked = environment['CUDA_VISIBLE_DEVICES'];
  if (asked === undefined || there.length === 0) return there;
  const names = asked.split(',').map((name) => name.trim());
  // As CUDA reads it: what follows a name that is none is not seen.
  const end = names.findIndex((name) => !(/^[A-Z]+-/u.test(name) || there.includes(name)));
  return [...new Set(end === -1 ? names : names.slice(0, end))];
}

function allowedCores(root: string): number | undefined {
  try {
    const text = readFileSync(join(root, 'proc/self/status'), 'utf8');
    return countList(/^Cpus_allowed_list:\s*(\S+)$/mu.exec(text)?.[1] ?? '');
  } catch {
    return undefined;
  }
}

/** Of `0-3,8,10-11` there are 7; undefined for what is no such list. */
function countList(list: string): number | undefined {
  if (!/^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/u.test(list)) return undefined;
  return list.split(',').reduce((sum, range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return sum + last - first + 1;
  }, 0);
}
