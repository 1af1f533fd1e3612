import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { confusionMatrix } from '../../../pipelines/evaluation/metrics/confusion.ts';
import { predictedClasses } from '../../../pipelines/evaluation/metrics/predictions.ts';
import { scorePredictions } from '../../../pipelines/evaluation/metrics/scores.ts';

const goldenSchema = z.object({
  cases: z.array(
    z.object({
      name: z.string(),
      classCount: z.int(),
      labels: z.array(z.int()),
      probabilities: z.array(z.number()),
      predicted: z.array(z.int()),
      accuracy: z.number(),
      macroF1: z.number(),
      meanAveragePrecision: z.number(),
      expectedCalibrationError: z.number(),
      confusion: z.array(z.array(z.int())),
    }),
  ),
});
const file = new URL('golden/metrics.json', import.meta.url);
const { cases } = goldenSchema.parse(JSON.parse(await readFile(file, 'utf8')));

describe('the scores are those of scikit-learn', () => {
  it.each(cases)('with $name', (golden) => {
    const scores = scorePredictions(golden);
    expect(scores.samples).toBe(golden.labels.length);
    expect(scores.accuracy).toBeCloseTo(golden.accuracy, 12);
    expect(scores.macroF1).toBeCloseTo(golden.macroF1, 12);
    expect(scores.meanAveragePrecision).toBeCloseTo(golden.meanAveragePrecision, 12);
    expect(scores.expectedCalibrationError).toBeCloseTo(golden.expectedCalibrationError, 12);
    const predicted = predictedClasses(golden);
    expect([...predicted]).toEqual(golden.predicted);
    expect(confusionMatrix(golden.labels, predicted, golden.classCount)).toEqual(golden.confusion);
  });
});

describe('the scores', () => {
  it('do not depend on the order of the samples', () => {
    const golden = cases[3];
    if (golden === undefined) throw new Error('golden case missing');
    const { labels, probabilities, classCount } = golden;
    const reversed = {
      classCount,
      labels: [...labels].reverse(),
      probabilities: labels
        .flatMap((_, n) => [probabilities.slice(n * classCount, (n + 1) * classCount)])
        .reverse()
        .flat(),
    };
    const { meanAveragePrecision, expectedCalibrationError } = scorePredictions(reversed);
    expect(meanAveragePrecision).toBeCloseTo(golden.meanAveragePrecision, 12);
    expect(expectedCalibrationError).toBeCloseTo(golden.expectedCalibrationError, 12);
  });

  it('are refused for no samples and for sizes that do not fit', () => {
    expect(() => scorePredictions({ labels: [], probabilities: [], classCount: 3 })).toThrow(/no samples/u);
    expect(() => scorePredictions({ labels: [0], probabilities: [1], classCount: 2 })).toThrow(/do not fit/u);
  });
});
