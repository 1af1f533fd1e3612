import { describe, expect, it } from 'vitest';
import { nearestNeighbours } from '../../../pipelines/evaluation/umap/nearest-neighbours.ts';
import { packPoints, type Points } from '../../../pipelines/evaluation/umap/points.ts';
import { randomGenerator } from '../../../pipelines/random/generator.ts';

/** Far from the origin, where products of large numbers differ by little; the second equals the first. */
function farPoints(count: number, seed: number): Points {
  const random = randomGenerator(seed, 'points');
  const rows = Array.from({ length: count }, () =>
    Float32Array.from({ length: 24 }, () => 1_000 + random.normal()),
  );
  rows[1] = rows[0]!;
  return packPoints(rows);
}

/** Compared one by one in double precision. */
function oneByOne(among: Points, queries: Points, row: number): { index: number; distance: number }[] {
  return Array.from({ length: among.count }, (_, index) => {
    let sum = 0;
    for (let d = 0; d < among.size; d += 1) {
      sum += (among.values[index * among.size + d]! - queries.values[row * among.size + d]!) ** 2;
    }
    return { index, distance: Math.sqrt(sum) };
  }).sort((a, b) => a.distance - b.distance || a.index - b.index);
}

describe('the nearest neighbours', () => {
  const among = farPoints(2_500, 3);
  const k = 6;

  it('of points among themselves are those of a comparison one by one, each its own first', async () => {
    const shares: number[] = [];
    const found = await nearestNeighbours({
      ...{ among, k },
      onBlock: async (share) => Promise.resolve(void shares.push(share)),
    });
    expect(shares.length).toBeGreaterThan(1);
    expect(shares.at(-1)).toBe(1);
    for (const row of [0, 1, 1_024, 1_700, 2_499]) {
      const others = oneByOne(among, among, row).filter(({ index }) => index !== row);
      const wanted = [{ index: row, distance: 0 }, ...others].slice(0, k);
      expect([...found.indices.subarray(row * k, row * k + k)]).toEqual(wanted.map(({ index }) => index));
      wanted.forEach(({ distance }, j) => {
        expect(found.distances[row * k + j]).toBeCloseTo(distance, 9);
      });
    }
  });

  it('of new points are those of a comparison one by one, also when all there are is asked for', async () => {
    const few = farPoints(40, 4);
    const queries = farPoints(7, 5);
    const onBlock = async () => Promise.resolve();
    const found = await nearestNeighbours({ among: few, queries, k: 40, onBlock });
    for (let row = 0; row < queries.count; row += 1) {
      expect([...found.indices.subarray(row * 40, row * 40 + 40)]).toEqual(
        oneByOne(few, queries, row).map(({ index }) => index),
      );
    }
  });
});
