import { describe, expect, it } from 'vitest';
import {
  formatSpread,
  headline,
  samplingError,
  spreadOf,
} from '../../../../pipelines/evaluation/report/summarise.ts';
import type { MethodName } from '../../../../schemas/config/methods.ts';
import type { Summary, SummaryRow } from '../../../../schemas/summary.ts';

function row(method: MethodName, accuracies: readonly number[]): SummaryRow {
  const accuracy = spreadOf(accuracies);
  return {
    method,
    seeds: accuracies.map((_, seed) => seed),
    trainingIds: accuracies.map((_, seed) => `${method}-${String(seed)}`),
    accuracy,
    macroF1: accuracy,
    meanAveragePrecision: accuracy,
    expectedCalibrationError: accuracy,
    branches: { audio: spreadOf([0.7]), rgb: spreadOf([0.3]) },
  };
}

const summary = (testClips: number, rows: SummaryRow[]): Summary => ({
  formatVersion: 1,
  runId: 'run',
  dataset: { name: 'data', version: '1' },
  testClips,
  classes: 10,
  rows,
});

describe('the table of results', () => {
  it('gives the sample deviation over seeds, and none for one seed', () => {
    expect(spreadOf([0.8, 0.82, 0.9]).mean).toBeCloseTo(0.84, 12);
    expect(spreadOf([0.8, 0.82, 0.9]).std).toBeCloseTo(0.0529150262, 9);
    expect(formatSpread(spreadOf([0.8, 0.82, 0.9]))).toBe('84.0 ± 5.3');
    expect(formatSpread(spreadOf([0.8]))).toBe('80.0');
  });

  it('knows how far an accuracy is from certain for its number of clips', () => {
    expect(samplingError(0.5, 100)).toBeCloseTo(0.098, 3);
    expect(samplingError(1, 100)).toBe(0);
  });
});

describe('the headline', () => {
  it('claims a lead only when it is larger than chance explains', () => {
    const clear = headline(summary(5000, [row('joint', [0.7, 0.71]), row('b-mm', [0.8, 0.81])]));
    expect(clear[0]).toBe(
      'b-mm names the right class for 80.5 ± 0.7 % of 5000 test clips, mean of 2 seeds; guessing would get 10.0 %.',
    );
    expect(clear[1]).toBe('That is 10.0 points above joint, the next best.');
    const close = headline(summary(120, [row('joint', [0.79]), row('b-mm', [0.8])]));
    expect(close[1]).toMatch(/^joint comes within 1\.0 points, .* cannot tell apart\.$/u);
  });

  it('tells what the best method’s branches reach alone, and does not compare a single method', () => {
    expect(headline(summary(120, [row('mm', [0.8])]))).toEqual([
      'mm names the right class for 80.0 % of 120 test clips; guessing would get 10.0 %.',
      'Its branches alone: audio 70.0 %, video 30.0 %.',
    ]);
  });
});
