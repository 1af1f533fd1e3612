import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { randomGenerator } from '../../../../pipelines/random/generator.ts';
import { blur, disturb } from '../../../../pipelines/training/data/disturbances.ts';
import { tf } from '../../../../pipelines/engine/tensorflow.ts';
import { testPython } from '../../../reference/python.ts';

const SCRIPT = fileURLToPath(new URL('../../engine/gaussian_filter.py', import.meta.url));

describe('a disturbance', () => {
  it.each([0.5, 1, 3])('blurs pictures as SciPy does, sigma %s', (sigma) => {
    // Lower than the kernel is wide, so that the mirror is mirrored.
    const shape: [number, number, number, number] = [2, 7, 12, 3];
    const random = randomGenerator(0, 'pictures');
    const values = Array.from({ length: 2 * 7 * 12 * 3 }, () => random.normal());
    const input = JSON.stringify({ shape, values, sigma });
    const expected = JSON.parse(
      execFileSync(testPython(), [SCRIPT], { input, encoding: 'utf8' }),
    ) as number[];
    const blurred = [...blur(tf.tensor4d(values, shape), sigma).dataSync()];
    expect(Math.max(...blurred.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-5);
  });

  it('masks a band of frequencies and one of times in each clip, at places of its own, the same each time', () => {
    const ones = tf.tensor4d(Array<number>(600).fill(1), [3, 20, 10, 1]);
    const mask = () => disturb(ones, { kind: 'mask', level: 0.3, seed: 1 }, 'audio', [4, 5, 6]).dataSync();
    const masked = mask();
    expect(mask()).toEqual(masked);
    const clips = [0, 1, 2].map((clip) => masked.slice(clip * 200, (clip + 1) * 200));
    for (const clip of clips) {
      // 6 of 20 rows and 3 of 10 columns: 14 × 7 are left.
      expect(clip.filter((value) => value === 1)).toHaveLength(14 * 7);
    }
    expect(clips[0]).not.toEqual(clips[1]);
  });
});
