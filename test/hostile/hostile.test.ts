/** The short version of `npm run hostile`: every parser meets some inputs. */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { mutatedBytes } from './mutate-bytes.ts';
import { mutatedJson } from './mutate-values.ts';
import { tryHostileInputs } from './rounds.ts';
import { tryInput } from './target.ts';

describe('the harness', () => {
  test('makes the same inputs from the same seed, others from another', () => {
    const files = [Buffer.from('ARROW1 and so on'), Buffer.alloc(300, 7)];
    for (const inputs of [mutatedBytes(files), mutatedJson([{ a: [1, { b: 'c' }] }])]) {
      const [one, same, other] = [1, 1, 2].map((seed) =>
        fc.sample(inputs, { seed, numRuns: 50 }).map(String),
      );
      expect(same).toEqual(one);
      expect(other).not.toEqual(one);
      expect(new Set(one).size).toBeGreaterThan(25);
    }
  });

  test('tells a raw error, silence and a slow answer from what is right', async () => {
    const target = (parse: () => unknown) => ({ name: 'x', kind: 'y', inputs: fc.constant(0), parse });
    expect(
      await tryInput(
        target(() => JSON.parse('{')),
        0,
      ),
    ).toMatchObject({ as: 'fault' });
    expect(await tryInput({ ...target(() => 1), judge: () => 'it was changed' }, 0)).toMatchObject({
      as: 'fault',
    });
    expect(
      await tryInput(
        target(() => 1),
        0,
      ),
    ).toEqual({ as: 'taken' });
    const slow = () => {
      const began = process.cpuUsage();
      const used = ({ user, system }: NodeJS.CpuUsage) => user + system;
      while (used(process.cpuUsage(began)) < 2_100_000) Math.hypot(...new Float64Array(10_000));
    };
    expect(await tryInput(target(slow), 0)).toMatchObject({ as: 'fault' });
  });
});

test('no input of any kind ends in a raw error, a hang, or silence', { timeout: 1_200_000 }, async () => {
  const { inputs, faults, kinds } = await tryHostileInputs({ seed: 18, inputs: 4_000, say: console.log });
  expect(faults).toEqual([]);
  expect(inputs).toBeGreaterThan(3_500);
  expect(Object.keys(kinds).length).toBeGreaterThanOrEqual(8);
});
