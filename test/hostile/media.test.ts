/** The short version of `npm run hostile -- --media=…`. */
import { expect, test } from 'vitest';
import { tryHostileMedia } from './media.ts';

test(
  'mutated media of every container cost themselves alone, and nothing that they point to is read',
  { timeout: 1_200_000 },
  async () => {
    const inputs = { 'node-av': 72, ffmpeg: 18 };
    const { ends, faults, asked } = await tryHostileMedia({ seed: 18, inputs, say: console.log });
    expect(faults).toEqual([]);
    expect(asked).toBe(0);
    const all = Object.values(ends).flatMap((counts) => Object.entries(counts));
    const used = all.filter(([end]) => end === 'used').reduce((sum, [, count]) => sum + count, 0);
    const refused = all.filter(([end]) => end !== 'used').reduce((sum, [, count]) => sum + count, 0);
    // Most mutations leave something to see or hear; those that leave nothing are refused.
    expect(used).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(40);
  },
);
