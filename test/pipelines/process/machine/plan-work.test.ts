import { describe, expect, it } from 'vitest';
import type { Machine } from '../../../../pipelines/process/machine/machine.ts';
import { parseSlots, planWork } from '../../../../pipelines/process/machine/plan-work.ts';

const GIB = 2 ** 30;

function machine(cores: number, gib: number, more: Partial<Machine> = {}): Machine {
  return { cores, allCores: cores, memoryBytes: gib * GIB, gpus: [], ...more };
}

const limit = (value: number) => ({ value, file: '/sys/fs/cgroup/some.file' });
const gpus = (count: number) => Array.from({ length: count }, (_, index) => String(index));

/** `[shards, clips, trainings, threads of each]` at a time. */
function numbers(of: Machine): number[] {
  const { slots, clipsAtOnce, threads } = planWork(of);
  expect(slots.control).toBe(8);
  return [slots.media, clipsAtOnce, slots.training, threads];
}

describe('what is done at a time', () => {
  it.each<[string, Machine, number[]]>([
    ['1 core', machine(1, 8), [2, 2, 1, 1]],
    ['2 cores', machine(2, 24), [2, 2, 1, 2]],
    ['8 cores', machine(8, 32), [2, 8, 1, 8]],
    ['16 cores', machine(16, 64), [3, 16, 2, 16]],
    ['64 cores', machine(64, 256), [9, 64, 8, 16]],
    ['64 cores with the time of 1.5', machine(64, 256, { quota: limit(1.5) }), [2, 2, 1, 2]],
    ['64 cores with the time of a half', machine(64, 256, { quota: limit(0.5) }), [2, 2, 1, 1]],
    ['2 cores with the time of 8', machine(2, 24, { quota: limit(8) }), [2, 2, 1, 2]],
    ['4 of 64 cores', machine(4, 256, { allCores: 64 }), [2, 4, 1, 4]],
    ['64 cores in 5 GiB', machine(64, 256, { memoryLimit: limit(5 * GIB) }), [9, 16, 2, 64]],
    ['16 cores in 512 MiB', machine(16, 256, { memoryLimit: limit(GIB / 2) }), [1, 1, 1, 16]],
    ['a limit above all memory', machine(2, 24, { memoryLimit: limit(100 * GIB) }), [2, 2, 1, 2]],
    ['4 GPUs, 64 cores', machine(64, 256, { gpus: gpus(4) }), [9, 64, 4, 16]],
    ['8 GPUs, 16 cores', machine(16, 256, { gpus: gpus(8) }), [3, 16, 8, 2]],
    ['4 GPUs in 10 GiB', machine(64, 10, { gpus: gpus(4) }), [9, 36, 2, 32]],
  ])('with %s', (_, of, expected) => {
    expect(numbers(of)).toEqual(expected);
  });

  it.each([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192])(
    'keeps %i cores at work and does not crowd them, nor the memory, however much of it there is',
    (cores) => {
      for (const gib of [1, 2, 3, 4, 8, 16, 64, 512]) {
        const { slots, clipsAtOnce, threads } = planWork(machine(cores, gib));
        expect(slots.training * threads).toBeGreaterThanOrEqual(cores);
        expect(slots.training * threads).toBeLessThanOrEqual(2 * cores + slots.training);
        expect(slots.training === 1 || slots.training * 2 + 1 <= gib).toBe(true);
        expect(clipsAtOnce === 1 || clipsAtOnce / 4 + 1 <= gib).toBe(true);
        if (gib === 512) expect(clipsAtOnce).toBeGreaterThanOrEqual(cores);
        expect(clipsAtOnce).toBeGreaterThanOrEqual(slots.media);
      }
    },
  );

  it('is what somebody asks for, and threads follow', () => {
    const plan = planWork(machine(16, 4), { training: 8, media: 20 });
    expect(plan.slots).toEqual({ media: 20, training: 8, control: 8 });
    expect([plan.clipsAtOnce, plan.threads]).toEqual([20, 4]);
    expect(plan.why.join('\n')).toMatch(/media: 20 shards at a time, 20 clips, as asked\n.*, as asked$/u);
  });

  it('is told with what it follows from', () => {
    expect(
      planWork(machine(16, 64, { allCores: 32, quota: limit(1.5), memoryLimit: limit(1.25 * GIB) })).why,
    ).toEqual([
      '16 of 32 cores, and time of 1.5 (/sys/fs/cgroup/some.file): work for 2',
      'memory: 1.3 GiB of 64.0 GiB (/sys/fs/cgroup/some.file): room for 1 of 2 clips',
      'media: 1 shard at a time, 1 clip',
      'training: 1 at a time, 2 threads',
    ]);
    expect(planWork(machine(16, 64, { gpus: ['0', '3'] })).why.at(-1)).toBe(
      'training: 2 at a time, 8 threads each, on GPU 0, 3',
    );
  });
});

describe('slots that are asked for', () => {
  it('are read from a queue and a count each', () => {
    expect(parseSlots('media=2, training=1', '--slots')).toEqual({ media: 2, training: 1 });
    expect(parseSlots('', '--slots')).toEqual({});
  });

  it.each(['media', 'media=0', 'media=1.5', 'media=-1', 'media=99999', 'medai=2', 'toString=2'])(
    'are refused as %s',
    (text) => {
      expect(() => parseSlots(text, 'there')).toThrow(
        expect.objectContaining({ kind: 'config', where: 'there' }),
      );
    },
  );
});
