/** The short version of `npm run chaos`: one round. */
import { expect, test } from 'vitest';
import { runChaos } from './chaos.ts';
import { planStrikes } from './strikes.ts';

test('the same seed gives the same strikes, another one others', () => {
  expect(planStrikes(18, 0, 50)).toEqual(planStrikes(18, 0, 50));
  expect(planStrikes(18, 1, 50)).not.toEqual(planStrikes(18, 0, 50));
  expect(planStrikes(19, 0, 50)).not.toEqual(planStrikes(18, 0, 50));
  const victims = new Set(planStrikes(18, 0, 300).map(({ victim }) => victim));
  expect(victims.size).toBe(9);
  const inBucket = new Set(planStrikes(18, 0, 300, true).map(({ victim }) => victim));
  expect([...inBucket].filter((victim) => victim.startsWith('S3 '))).toHaveLength(3);
});

test(
  'a run and a stream among kills and stops end as undisturbed ones: nothing lost, nothing twice',
  { timeout: 3_600_000 },
  async () => {
    const figures = await runChaos({ seed: 18, kills: 1, strikesPerRound: 8, say: console.log });
    expect(figures.rounds).toBe(1);
    expect(figures.struck).toBeGreaterThanOrEqual(6);
  },
);
