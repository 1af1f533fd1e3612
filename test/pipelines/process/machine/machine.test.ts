import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { cgroupLimits } from '../../../../pipelines/process/machine/cgroup-limits.ts';
import {
  coresOf,
  readMachine,
  visibleGpus,
  type Machine,
} from '../../../../pipelines/process/machine/machine.ts';

const MIB = 2 ** 20;
const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

/** A folder that stands for `/`, with these files. */
function rootWith(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'modalmix-root-'));
  made.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  }
  return root;
}

const V2 = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw';

describe('limits of control groups', () => {
  it('of version 2 in a container, which sees its own group as the top', () => {
    const root = rootWith({
      'proc/self/cgroup': '0::/',
      'proc/self/mountinfo': V2,
      'sys/fs/cgroup/cpu.max': '150000 100000',
      'sys/fs/cgroup/memory.max': String(512 * MIB),
      'sys/fs/cgroup/memory.high': 'max',
    });
    expect(cgroupLimits(root)).toEqual({
      cpus: { value: 1.5, file: '/sys/fs/cgroup/cpu.max' },
      memoryBytes: { value: 512 * MIB, file: '/sys/fs/cgroup/memory.max' },
    });
  });

  it('of version 2 on a machine: the tightest of a group and those above it, memory.high too', () => {
    const root = rootWith({
      'proc/self/cgroup': '0::/user.slice/run.scope',
      'proc/self/mountinfo': V2,
      'sys/fs/cgroup/user.slice/cpu.max': '50000 100000',
      'sys/fs/cgroup/user.slice/run.scope/cpu.max': 'max 100000',
      'sys/fs/cgroup/user.slice/memory.max': 'max',
      'sys/fs/cgroup/user.slice/run.scope/memory.max': String(900 * MIB),
      'sys/fs/cgroup/user.slice/run.scope/memory.high': String(700 * MIB),
    });
    expect(cgroupLimits(root)).toEqual({
      cpus: { value: 0.5, file: '/sys/fs/cgroup/user.slice/cpu.max' },
      memoryBytes: { value: 700 * MIB, file: '/sys/fs/cgroup/user.slice/run.scope/memory.high' },
    });
  });

  it('of version 1 with Docker, whose mounts begin at the container, a blank in the path, beside an empty version 2', () => {
    const root = rootWith({
      'proc/self/cgroup': ['4:memory:/docker/c0', '2:cpu,cpuacct:/docker/c0', '0::/docker/c0'].join('\n'),
      'proc/self/mountinfo': [
        '31 23 0:29 /docker/c0 /sys/fs/cg\\040roup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct',
        '32 23 0:30 /docker/c0 /sys/fs/cg\\040roup/memory ro - cgroup cgroup rw,memory',
        '33 23 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
        '34 23 0:32 / /proc rw - proc proc rw',
      ].join('\n'),
      'sys/fs/cg roup/cpu,cpuacct/cpu.cfs_quota_us': '250000',
      'sys/fs/cg roup/cpu,cpuacct/cpu.cfs_period_us': '100000',
      'sys/fs/cg roup/memory/memory.limit_in_bytes': String(2048 * MIB),
      'sys/fs/cgroup/unified/docker/c0/cgroup.procs': '1',
    });
    expect(cgroupLimits(root)).toEqual({
      cpus: { value: 2.5, file: '/sys/fs/cg roup/cpu,cpuacct/cpu.cfs_quota_us' },
      memoryBytes: { value: 2048 * MIB, file: '/sys/fs/cg roup/memory/memory.limit_in_bytes' },
    });
  });

  it('are none where the files say so, are nonsense, or are not there', () => {
    const cgroup = ['4:memory:/', '1:cpu:/'].join('\n');
    const mountinfo = [
      '31 23 0:29 / /cpu rw - cgroup cgroup rw,cpu',
      '32 23 0:30 / /memory rw - cgroup cgroup rw,memory',
    ].join('\n');
    const root = rootWith({
      ...{ 'proc/self/cgroup': cgroup, 'proc/self/mountinfo': mountinfo },
      ...{ 'cpu/cpu.cfs_quota_us': '-1', 'cpu/cpu.cfs_period_us': '100000' },
      'memory/memory.limit_in_bytes': '9223372036854771712',
    });
    expect(cgroupLimits(root)).toEqual({});
    expect(cgroupLimits(rootWith({ 'proc/self/cgroup': '0::/', 'proc/self/mountinfo': 'x' }))).toEqual({});
    expect(
      cgroupLimits(
        rootWith({
          'proc/self/cgroup': '0::/../a',
          'proc/self/mountinfo': V2,
          'sys/fs/cgroup/cpu.max': 'much',
        }),
      ),
    ).toEqual({});
    expect(cgroupLimits(rootWith({}))).toEqual({});
  });
});

describe('the machine', () => {
  it('has the cores that this process may run on', () => {
    const root = rootWith({
      'proc/self/status': 'Name:\tnode\nCpus_allowed:\tffff\nCpus_allowed_list:\t0-3,8,10-11',
    });
    expect(readMachine(root).cores).toBe(7);
    expect(readMachine(root).allCores).toBe(cpus().length);
  });

  it('is read for real: a process that is bound to one core has one', () => {
    expect(coresOf(machineOfChild(['taskset', '-c', firstCore()]))).toBe(1);
  });

  it('is read for real: a process in a control group has its time and memory, where groups can be made', () => {
    const group = makeGroup();
    const of = machineOfChild(
      group === undefined ? ['taskset', '-c', firstCore()] : ['sh', '-c', group.enter, 'sh'],
    );
    try {
      expect(coresOf(of)).toBe(1);
      if (group === undefined) return;
      expect(of.quota?.value).toBe(0.5);
      if (group.hasMemory) expect(of.memoryLimit?.value).toBe(800 * MIB);
    } finally {
      for (const folder of group?.folders ?? []) rmdirSync(folder);
    }
  });
});

describe('GPUs that CUDA may see', () => {
  it('are none without a driver, whatever the environment names', async () => {
    const there = await visibleGpus({});
    expect((await visibleGpus({ CUDA_VISIBLE_DEVICES: '-1' })).length).toBe(0);
    expect((await visibleGpus({ CUDA_VISIBLE_DEVICES: '' })).length).toBe(0);
    expect(await visibleGpus({ CUDA_VISIBLE_DEVICES: there.join(',') })).toEqual(there);
  });
});

function firstCore(): string {
  const { stdout } = spawnSync('taskset', ['-pc', String(process.pid)], { encoding: 'utf8' });
  return /list: (\d+)/u.exec(stdout)![1]!;
}

function machineOfChild([program = '', ...words]: readonly string[]): Machine {
  const file = new URL('../../../../pipelines/process/machine/machine.ts', import.meta.url);
  const code = `const { readMachine } = await import(${JSON.stringify(file.href)}); console.log(JSON.stringify(readMachine()))`;
  const tsx = pathToFileURL(join(process.cwd(), 'node_modules/tsx/dist/loader.mjs')).href;
  const args = [...words, process.execPath, '--import', tsx, '--input-type=module', '-e', code];
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  expect(stdout, stderr).not.toBe('');
  return JSON.parse(stdout) as Machine;
}

interface Group {
  /** For `sh -c`: goes there and becomes its arguments. */
  readonly enter: string;
  readonly folders: readonly string[];
  readonly hasMemory: boolean;
}

/** A group with half a core's time and 800 MiB, of whichever version this machine lets us make; undefined: none. */
function makeGroup(): Group | undefined {
  const name = `modalmix-test-${String(process.pid)}`;
  const tryMake = (parent: string, files: Readonly<Record<string, string>>): string | undefined => {
    const folder = join(parent, name);
    try {
      mkdirSync(folder);
    } catch {
      return undefined;
    }
    try {
      for (const [file, text] of Object.entries(files))
        writeFileSync(join(folder, file), text, { flag: 'r+' });
      return folder;
    } catch {
      rmdirSync(folder);
      return undefined;
    }
  };
  const both = tryMake('/sys/fs/cgroup', { 'cpu.max': '50000 100000', 'memory.max': String(800 * MIB) });
  const cpu = both ?? tryMake('/sys/fs/cgroup/cpu', { 'cpu.cfs_quota_us': '50000' });
  if (cpu === undefined) return undefined;
  const memory =
    both === undefined
      ? tryMake('/sys/fs/cgroup/memory', { 'memory.limit_in_bytes': String(800 * MIB) })
      : undefined;
  const folders = [cpu, ...(memory === undefined ? [] : [memory])];
  const enter = `${folders.map((folder) => `echo $$ > '${folder}/cgroup.procs'`).join(' && ')} && exec "$@"`;
  return { enter, folders, hasMemory: both !== undefined || memory !== undefined };
}
