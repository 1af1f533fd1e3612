import { describe, expect, it } from 'vitest';
import { randomGenerator } from '../../../../pipelines/random/generator.ts';
import { balancedRows, classCounts, weightsOf } from '../../../../pipelines/training/data/class-balance.ts';

const NAMES = ['cat', 'dog', 'owl'];

describe('class counts', () => {
  it('are those of the pool’s rows, and of old rows as many as are to be expected', () => {
    const labels = Int32Array.from([0, 0, 1, 2, 2, 2, 0, 1]);
    expect(classCounts({ every: Int32Array.from([0, 2, 3, 4]) }, labels, 3)).toEqual([1, 1, 2]);
    const replayed = { from: Int32Array.from([5, 6, 7, 1]), drawn: 2 };
    expect(classCounts({ every: Int32Array.from([0, 2]), replayed }, labels, 3)).toEqual([2, 1.5, 0.5]);
  });
});

describe('class weights', () => {
  it('that balance are scikit-learn’s, N / (K n)', () => {
    // compute_class_weight('balanced', classes=[0, 1, 2], y=[0]*6 + [1]*3 + [2])
    expect(weightsOf([6, 3, 1], 'balanced', NAMES)).toEqual([10 / 18, 10 / 9, 10 / 3].map(near));
    expect(weightsOf([6, 0, 2], 'balanced', NAMES)).toEqual([8 / 12, 0, 2].map(near));
  });

  it('that are given keep their proportions, and the mean over the clips is 1', () => {
    const weights = weightsOf([6, 3, 1], [1, 2, 4], NAMES)!;
    expect(weights[1]! / weights[0]!).toBeCloseTo(2, 12);
    expect(weights[2]! / weights[0]!).toBeCloseTo(4, 12);
    expect((6 * weights[0]! + 3 * weights[1]! + weights[2]!) / 10).toBeCloseTo(1, 12);
  });

  it('that do not fit the classes are refused, with the order they are wanted in', () => {
    expect(() => weightsOf([1, 1, 1], [1, 2], NAMES)).toThrow(/2 class weights for 3 classes/u);
    expect(() => weightsOf([1, 1, 0], [0, 0, 1], NAMES)).toThrow(/no class that has training clips/u);
  });
});

describe('balanced sampling', () => {
  it('draws each class as often, and every row of a class alike', () => {
    const labels = Int32Array.from({ length: 1_000 }, (_, row) => (row < 900 ? 0 : row < 990 ? 1 : 2));
    const rows = Int32Array.from({ length: 1_000 }, (_, row) => row);
    const times = new Float64Array(1_000);
    const epochs = 30;
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      const drawn = balancedRows(rows, labels, randomGenerator(3, 'balanced sampling', epoch));
      expect(drawn).toHaveLength(1_000);
      for (const row of drawn) times[row]! += 1;
    }
    const ofClass = (wanted: number) => times.filter((_, row) => labels[row] === wanted);
    const total = (numbers: Float64Array) => numbers.reduce((sum, one) => sum + one, 0);
    // 30,000 draws, a third each: a deviation is 82.
    for (const label of [0, 1, 2]) expect(Math.abs(total(ofClass(label)) - 10_000)).toBeLessThan(400);
    // 1,000 draws for each of the ten rows of class 2: a deviation is 30.
    for (const count of ofClass(2)) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  it('draws only from the rows given', () => {
    const drawn = balancedRows(Int32Array.from([4, 7, 8]), new Int32Array(9), randomGenerator(0, 'x'));
    expect([...drawn].every((row) => [4, 7, 8].includes(row))).toBe(true);
  });
});

function near(value: number): unknown {
  return expect.closeTo(value, 12);
}
