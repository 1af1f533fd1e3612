import { expect, it } from 'vitest';
import { runTensorflowChild } from '../../../pipelines/engine/tensorflow-child.ts';
import { TrainingPlaces } from '../../../pipelines/engine/training-places.ts';

it('trainings side by side have a GPU each as long as there are enough, and give it back', async () => {
  const places = new TrainingPlaces({ threads: 3, gpus: ['0', 'GPU-7a'] });
  const used: (string | undefined)[] = [];
  const ends: (() => void)[] = [];
  const start = async () => {
    await places.use(async ({ gpu, threads }) => {
      expect(threads).toBe(3);
      used.push(gpu);
      await new Promise<void>((resolve) => ends.push(resolve));
    });
  };
  const running = [start(), start(), start()];
  expect(used).toEqual(['0', 'GPU-7a', '0']);
  ends[1]!();
  await running[1];
  running.push(start(), start());
  expect(used.slice(3)).toEqual(['GPU-7a', 'GPU-7a']);
  for (const end of ends) end();
  await Promise.all(running);
  await expect(places.use(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await places.use(({ gpu }) => Promise.resolve(gpu))).toBe('0');
});

it('its process is told, and a config that names threads goes before', async () => {
  const child = new URL('../process/children/scripted-child.ts', import.meta.url);
  const told = async (threads: number | undefined) =>
    await runTensorflowChild(child, 'tell its place', { threads, place: { threads: 3, gpu: 'GPU-7a' } });
  expect(await told(undefined)).toEqual(['GPU-7a', '3']);
  expect(await told(5)).toEqual(['GPU-7a', '5']);
});

it('on the CPU the environment stays as it is', async () => {
  const place = await new TrainingPlaces({ threads: 2, gpus: [] }).use((one) => Promise.resolve(one));
  expect(place).toEqual({ threads: 2 });
});
