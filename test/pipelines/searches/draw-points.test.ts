import { describe, expect, it } from 'vitest';
import { drawPoints, gridSize } from '../../../pipelines/searches/draw-points.ts';
import type { Dimension } from '../../../schemas/config/search.ts';

const SPACE: Record<string, Dimension> = {
  'training.optimizer.learningRate': { logUniform: [1e-3, 1] },
  'training.labelSmoothing': { uniform: [0, 0.2] },
  'training.batchSize': { integer: [8, 11] },
  'training.fusion': { choice: ['concat', 'sum', null] },
};
const POINTS = drawPoints(SPACE, 7, 3_000);
const drawn = (field: string) => POINTS.map((point) => point[field]);
const shareOf = (values: readonly unknown[], where: (value: number) => boolean) =>
  values.filter((value) => where(value as number)).length / values.length;

describe('the points of a search', () => {
  // 3,000 draws: five standard errors of a share of 1/3 are 0.043.
  it('are spread as the space says', () => {
    const rates = drawn('training.optimizer.learningRate');
    for (const [low, high] of [
      [1e-3, 1e-2],
      [1e-2, 1e-1],
      [1e-1, 1],
    ] as const) {
      expect(Math.abs(shareOf(rates, (rate) => rate >= low && rate < high) - 1 / 3)).toBeLessThan(0.043);
    }
    const smoothing = drawn('training.labelSmoothing');
    expect(Math.abs(shareOf(smoothing, (value) => value < 0.05) - 0.25)).toBeLessThan(0.04);
    expect(shareOf(smoothing, (value) => value >= 0 && value <= 0.2)).toBe(1);
    const sizes = drawn('training.batchSize');
    for (const size of [8, 9, 10, 11]) {
      expect(Math.abs(shareOf(sizes, (value) => value === size) - 0.25)).toBeLessThan(0.04);
    }
    const fusions = drawn('training.fusion');
    for (const fusion of ['concat', 'sum', null]) {
      const share = fusions.filter((value) => value === fusion).length / fusions.length;
      expect(Math.abs(share - 1 / 3)).toBeLessThan(0.043);
    }
  });

  it('follow from the seed, the field and the trial, and from nothing else', () => {
    const [, , third] = drawPoints(SPACE, 7, 3);
    expect(drawPoints(SPACE, 7, 5).slice(0, 3)).toEqual(drawPoints(SPACE, 7, 3));
    expect(drawPoints(SPACE, 8, 3)[2]).not.toEqual(third);
    expect(drawPoints(SPACE, 7, 4)[3]).not.toEqual(third);
    const { 'training.fusion': _, ...others } = SPACE;
    const { 'training.fusion': __, ...left } = third!;
    const other = drawPoints({ ...others, 'training.clipNorm': { choice: [1, 5] } }, 7, 3);
    expect(other[2]).toMatchObject(left);
  });

  it('have numbers that a person can read', () => {
    for (const rate of drawn('training.optimizer.learningRate') as number[]) {
      expect(String(rate).replace(/^0\.0*/u, '').length).toBeLessThanOrEqual(5);
    }
  });

  it('of a grid are each drawn once', () => {
    const grid: Record<string, Dimension> = {
      'training.balance.gamma': { choice: [0.3, 1, 3] },
      'training.batchSize': { choice: [16, 32] },
    };
    expect(gridSize(grid)).toBe(6);
    expect(gridSize(SPACE)).toBeUndefined();
    const points = drawPoints(grid, 0, 6).map((point) => JSON.stringify(point));
    expect(new Set(points).size).toBe(6);
    expect(drawPoints(grid, 0, 2)).toEqual(drawPoints(grid, 0, 6).slice(0, 2));
  });
});
