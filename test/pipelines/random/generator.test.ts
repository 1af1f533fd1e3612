import { describe, expect, it } from 'vitest';
import { randomGenerator } from '../../../pipelines/random/generator.ts';

const COUNT = 40_000;
const draw = (next: () => number) => Array.from({ length: COUNT }, next);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
/** The mean of (x − mean)^order. */
function moment(values: readonly number[], order: number): number {
  const centre = mean(values);
  return mean(values.map((value) => (value - centre) ** order));
}
function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  return (
    mean(a.map((value, i) => (value - meanA) * ((b[i] ?? 0) - meanB))) /
    Math.sqrt(moment(a, 2) * moment(b, 2))
  );
}

describe('random numbers by purpose', () => {
  it('are a function of seed, purpose, epoch and step', () => {
    const first = (...key: Parameters<typeof randomGenerator>) => randomGenerator(...key).uniform();
    expect(first(1, 'crop', 2, 3)).toBe(first(1, 'crop', 2, 3));
    const others = [
      first(2, 'crop', 2, 3),
      first(1, 'flip', 2, 3),
      first(1, 'crop', 3, 2),
      first(1, 'crop', 2, 4),
    ];
    expect(new Set([first(1, 'crop', 2, 3), ...others]).size).toBe(5);
  });

  it('do not depend on what was drawn for other purposes, epochs, steps or seeds', () => {
    const series = [
      randomGenerator(0, 'shuffle'),
      randomGenerator(0, 'lambda'),
      randomGenerator(0, 'shuffle', 1),
      randomGenerator(0, 'shuffle', 0, 1),
      randomGenerator(1, 'shuffle'),
    ].map((generator) => draw(() => generator.uniform()));
    for (const [i, a] of series.entries()) {
      for (const b of series.slice(i + 1))
        expect(Math.abs(correlation(a, b))).toBeLessThan(4.5 / Math.sqrt(COUNT));
    }
  });

  it('are uniform in [0, 1)', () => {
    const generator = randomGenerator(5, 'uniform');
    const values = draw(() => generator.uniform());
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    const bins = Array.from(
      { length: 20 },
      (_, bin) => values.filter((value) => Math.floor(value * 20) === bin).length,
    );
    const chiSquare = bins.reduce((sum, count) => sum + (count - COUNT / 20) ** 2 / (COUNT / 20), 0);
    // The 99.99 % point for 19 degrees of freedom.
    expect(chiSquare).toBeLessThan(50.8);
  });

  it('have the moments of the standard normal', () => {
    const generator = randomGenerator(6, 'normal');
    const values = draw(() => generator.normal());
    expect(mean(values)).toBeCloseTo(0, 1);
    expect(Math.abs(mean(values))).toBeLessThan(4 / Math.sqrt(COUNT));
    expect(Math.abs(moment(values, 2) - 1)).toBeLessThan(4 * Math.sqrt(2 / COUNT));
    expect(Math.abs(moment(values, 3))).toBeLessThan(4 * Math.sqrt(6 / COUNT));
    expect(Math.abs(moment(values, 4) - 3)).toBeLessThan(4 * Math.sqrt(96 / COUNT));
    const lagged = correlation(values.slice(0, -1), values.slice(1));
    expect(Math.abs(lagged)).toBeLessThan(4.5 / Math.sqrt(COUNT));
  });

  it.each([
    [1, 1],
    [0.2, 0.2],
    [2, 5],
    [0.5, 3],
    [30, 30],
  ])('have mean and variance of Beta(%d, %d)', (a, b) => {
    const generator = randomGenerator(7, `beta ${String(a)} ${String(b)}`);
    const values = draw(() => generator.beta(a, b));
    const variance = (a * b) / ((a + b) ** 2 * (a + b + 1));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThanOrEqual(1);
    expect(Math.abs(mean(values) - a / (a + b))).toBeLessThan(4 * Math.sqrt(variance / COUNT));
    expect(moment(values, 2) / variance).toBeCloseTo(1, 1);
  });

  it('stay in [0, 1] for a Beta so steep that its gammas underflow', () => {
    const generator = randomGenerator(8, 'steep');
    const values = Array.from({ length: 2_000 }, () => generator.beta(1e-4, 3e-4));
    expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(Math.abs(mean(values) - 0.25)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / 2_000));
  });

  it('make permutations in which every element comes to every place', () => {
    const places = Array.from({ length: 5 }, () => new Array<number>(5).fill(0));
    for (let step = 0; step < 5_000; step += 1) {
      const order = randomGenerator(9, 'permutation', 0, step).permutation(5);
      expect([...order].sort()).toEqual([0, 1, 2, 3, 4]);
      order.forEach((element, place) => {
        const row = places[place];
        if (row !== undefined) row[element] = (row[element] ?? 0) + 1;
      });
    }
    // 1,000 expected, standard deviation 28.
    for (const count of places.flat()) expect(Math.abs(count - 1_000)).toBeLessThan(130);
    expect(randomGenerator(9, 'permutation').permutation(0)).toHaveLength(0);
  });

  it('draw every whole number below n, and none other', () => {
    const generator = randomGenerator(10, 'integer');
    const seen = new Set(Array.from({ length: 1_000 }, () => generator.integer(7)));
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });
});
