import { expect, it } from 'vitest';
import { resultTable } from '../../../cli/text/result-table.ts';
import type { Spread, Summary } from '../../../schemas/summary.ts';

const spread = (...values: number[]): Spread => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { mean, values };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, std: Math.sqrt(variance), values };
};

const resultOf = (more: Partial<Summary>, rest: Partial<Summary['rows'][number]> = {}): string[] => {
  const scores = {
    macroF1: spread(0.5),
    meanAveragePrecision: spread(0.5),
    expectedCalibrationError: spread(0.1),
  };
  const summary: Summary = {
    formatVersion: 1,
    runId: 'a-1',
    dataset: { name: 'a', version: 'v' },
    testClips: 120,
    classes: 10,
    rows: [
      {
        ...{ method: 'joint', seeds: [0, 1], trainingIds: ['x', 'y'], accuracy: spread(0.8, 0.84) },
        ...{ ...scores, branches: { audio: spread(0.7, 0.7), rgb: spread(0.3, 0.34) } },
        ...rest,
      },
      {
        ...{ method: 'b-mm', seeds: [0], trainingIds: ['z'], accuracy: spread(0.9) },
        ...{ ...scores, branches: { audio: spread(0.75) } },
      },
    ],
    ...more,
  };
  return resultTable(summary).split('\n');
};

it('shows each method with its branches, as mean and deviation over the seeds', () => {
  expect(resultOf({})).toEqual([
    'Test accuracy in %, 120 clips, 10 classes',
    'method       fused       audio         rgb  seeds',
    '──────  ──────────  ──────────  ──────────  ─────',
    'joint   82.0 ± 2.8  70.0 ± 0.0  32.0 ± 2.8    0 1',
    'b-mm          90.0        75.0           –      0',
  ]);
});

it('shows probes beside the branches, the interval, and over how many groups it is', () => {
  const more = { testGroups: { count: 12, groupedClips: 120 } };
  const rest = { probes: { audio: spread(0.75, 0.77) }, interval: { low: 0.7512, high: 0.889 } };
  expect(resultOf(more, rest)).toEqual([
    'Test accuracy in %, 120 clips of 12 groups, 10 classes',
    'method       fused       95 %       audio         rgb  audio probe  seeds',
    '──────  ──────────  ─────────  ──────────  ──────────  ───────────  ─────',
    'joint   82.0 ± 2.8  75.1–88.9  70.0 ± 0.0  32.0 ± 2.8   76.0 ± 1.4    0 1',
    'b-mm          90.0          –        75.0           –            –      0',
  ]);
});
