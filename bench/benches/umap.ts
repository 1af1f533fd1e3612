/** UMAP of as many features as a large run has, in the child process where the product computes it. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { z } from 'zod';
import { runInChild } from '../../pipelines/process/child-process.ts';
import type { Bench, BenchContext } from '../harness/bench.ts';
import type { Figure } from '../harness/figure.ts';

const POINTS = 10_000;
const QUICK_POINTS = 500;
const FEATURES = 512;
const CHILD = new URL('umap-child.ts', import.meta.url);

export const umapTaskSchema = z.strictObject({ points: z.number(), features: z.number(), seed: z.number() });

export const bench: Bench = {
  title: 'UMAP',
  method:
    "10,000 × 512 features in ten clusters, laid out by the evaluation's `projectFeatures` in a child process, whose start is in the time.",
  measure,
};

async function measure({ quick, rounds, say }: BenchContext): Promise<Figure[]> {
  const points = quick ? QUICK_POINTS : POINTS;
  const seconds: number[] = [];
  const longestWaitMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const startedAt = performance.now();
    await runInChild(CHILD, umapTaskSchema.parse({ points, features: FEATURES, seed: round }));
    seconds.push((performance.now() - startedAt) / 1_000);
    delay.disable();
    longestWaitMs.push(delay.max / 1e6);
    say(`round ${round + 1}: ${seconds.at(-1)!.toFixed(1)} s`);
  }
  const shape = `${points.toLocaleString('en-US')} × ${FEATURES}`;
  return [
    { name: `UMAP of ${shape}`, unit: 's', better: 'lower', ours: seconds, goal: { limit: 60 } },
    {
      name: 'Longest time that the worker’s event loop stood still meanwhile',
      unit: 'ms',
      better: 'lower',
      ours: longestWaitMs,
      goal: { limit: 100 },
    },
  ];
}
