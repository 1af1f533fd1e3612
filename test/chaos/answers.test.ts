/** The short version of `npm run chaos -- --answers=1000`. */
import { expect, test } from 'vitest';
import { runAnswers } from './answers.ts';

test(
  'among kills, promotions and a rollback every clip is answered once, by a version that was current, with the numbers of predict',
  { timeout: 1_800_000 },
  async () => {
    const figures = await runAnswers({ seed: 20, clips: 60, kills: 6, rate: 4, say: console.log });
    expect(figures.clips).toBe(60);
    expect(Object.keys(figures.answered)).toEqual(['1', '2', '3']);
    expect(figures.struck['predict']).toBe(1);
    expect(figures.reviewed).toBeGreaterThan(0);
  },
);
