/**
 * What the control groups of this process allow it, versions 1 and 2, and both beside each other. A group is bound by the
 * groups above it, so the tightest one counts. What lies above a container's own mount cannot be seen from inside.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

export interface CgroupLimit {
  readonly value: number;
  /** The file that says so. */
  readonly file: string;
}

export interface CgroupLimits {
  /** Processors' time, in processors: 1.5 is three seconds in two. */
  readonly cpus?: CgroupLimit;
  /** Memory, bytes. */
  readonly memoryBytes?: CgroupLimit;
}

interface Mount {
  /** Which group stands at the mount's top. */
  readonly root: string;
  readonly folder: string;
  readonly isVersion2: boolean;
  readonly controllers: readonly string[];
}

/** Version 1 writes "no limit" as the largest number of whole pages. */
const NO_LIMIT_BYTES = 2 ** 60;

/** @param root what stands for `/`; an empty answer where there are no control groups */
export function cgroupLimits(root = '/'): CgroupLimits {
  const groups = parseGroups(read(join(root, 'proc/self/cgroup')) ?? '');
  const mounts = parseMounts(read(join(root, 'proc/self/mountinfo')) ?? '');
  const cpus: CgroupLimit[] = [];
  const memory: CgroupLimit[] = [];
  for (const mount of mounts) {
    const path = mount.isVersion2
      ? groups.get('')
      : mount.controllers.map((name) => groups.get(name)).find(Boolean);
    if (path === undefined) continue;
    for (const folder of foldersUp(mount, path)) {
      for (const [found, limits] of [
        [cpuLimit(root, folder), cpus],
        [memoryLimit(root, folder), memory],
      ] as const) {
        if (found !== undefined) limits.push(found);
      }
    }
  }
  const [fewestCpus, leastMemory] = [tightest(cpus), tightest(memory)];
  return {
    ...(fewestCpus === undefined ? {} : { cpus: fewestCpus }),
    ...(leastMemory === undefined ? {} : { memoryBytes: leastMemory }),
  };
}

function tightest(limits: readonly CgroupLimit[]): CgroupLimit | undefined {
  return limits.toSorted((a, b) => a.value - b.value)[0];
}

/** Group by controller; version 2's under the empty name. Lines are `4:memory:/a/b` and `0::/a/b`. */
function parseGroups(text: string): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/u.exec(line) ?? [];
    if (path === undefined) continue;
    for (const name of (controllers ?? '').split(',')) groups.set(name, path);
  }
  return groups;
}

/** Lines are `36 31 0:33 /root /folder options… - type source super-options`. */
function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [type, , options = ''] = after.split(' ');
    if (type !== 'cgroup' && type !== 'cgroup2') return [];
    const [, , , root = '/', folder = ''] = before.split(' ').map(unescaped);
    return [{ root, folder, isVersion2: type === 'cgroup2', controllers: options.split(',') }];
  });
}

/** The kernel writes blanks as `\040`. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/gu, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/** The group's folder and those above it, up to the mount's own. */
function foldersUp({ root, folder }: Mount, path: string): string[] {
  const isBelow = root === '/' || path === root || path.startsWith(`${root}/`);
  const relative = isBelow ? path.slice(root === '/' ? 0 : root.length) : '';
  // A group outside the process's own namespace is written with `..`: its mount's top is as near as one comes.
  const group = relative.includes('..') ? folder : posix.join(folder, relative);
  const folders = [group];
  for (let one = group; one !== folder && one.length > folder.length;) {
    one = dirname(one);
    folders.push(one);
  }
  return folders;
}

function cpuLimit(root: string, folder: string): CgroupLimit | undefined {
  const max = readLimit(root, folder, 'cpu.max');
  if (max !== undefined) {
    const [quota, period = '100000'] = max.text.split(' ');
    return limitOf(Number(quota) / Number(period), max.file);
  }
  const quota = readLimit(root, folder, 'cpu.cfs_quota_us');
  const period = readLimit(root, folder, 'cpu.cfs_period_us');
  if (quota === undefined || period === undefined) return undefined;
  return limitOf(Number(quota.text) / Number(period.text), quota.file);
}

function memoryLimit(root: string, folder: string): CgroupLimit | undefined {
  // Above `high` processes are slowed down until they stand still.
  const limits = ['memory.max', 'memory.high', 'memory.limit_in_bytes'].flatMap((name) => {
    const found = readLimit(root, folder, name);
    const limit = found === undefined ? undefined : limitOf(Number(found.text), found.file);
    return limit === undefined || limit.value >= NO_LIMIT_BYTES ? [] : [limit];
  });
  return tightest(limits);
}

/** Undefined for `max`, −1 and what is no number. */
function limitOf(value: number, file: string): CgroupLimit | undefined {
  return Number.isFinite(value) && value > 0 ? { value, file } : undefined;
}

function readLimit(root: string, folder: string, name: string): { text: string; file: string } | undefined {
  const text = read(join(root, folder, name));
  return text === undefined ? undefined : { text: text.trim(), file: posix.join(folder, name) };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
