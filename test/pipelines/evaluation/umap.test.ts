import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { projectFeatures } from '../../../pipelines/evaluation/project-features.ts';
import { fitCurve } from '../../../pipelines/evaluation/umap/curve.ts';
import { attraction, forceAt, repulsion } from '../../../pipelines/evaluation/umap/forces.ts';
import { fuzzyUnion, memberships } from '../../../pipelines/evaluation/umap/fuzzy-graph.ts';
import { nearestNeighbours } from '../../../pipelines/evaluation/umap/nearest-neighbours.ts';
import { packPoints, type Points } from '../../../pipelines/evaluation/umap/points.ts';
import { randomGenerator } from '../../../pipelines/random/generator.ts';

const numbers = z.array(z.number());
/** From umap-learn: `golden/make_umap.py`. */
const golden = z
  .object({
    k: z.number(),
    points: z.array(numbers),
    queries: z.array(numbers),
    neighbours: z.object({ indices: numbers, distances: numbers, strengths: numbers }),
    graph: z.array(z.tuple([z.number(), z.number(), z.number()])),
    curves: z.array(z.tuple([z.number(), z.number(), z.number()])),
    trustworthiness: z.object({ k: z.number(), mean: z.number(), least: z.number() }),
  })
  .parse(JSON.parse(readFileSync(new URL('golden/umap.json', import.meta.url), 'utf8')));

const onBlock = async () => Promise.resolve();
const among = packPoints(golden.points);

describe('the graph of a layout', () => {
  it('has the edges and the weights of umap-learn’s', async () => {
    const neighbours = await nearestNeighbours({ among, k: golden.k, onBlock });
    const { from, to, weights } = fuzzyUnion(neighbours, memberships(neighbours, 1));
    expect([...from].map((i, e) => [i, to[e]])).toEqual(golden.graph.map(([i, j]) => [i, j]));
    golden.graph.forEach(([, , weight], e) => {
      expect(Math.abs(weights[e]! - weight)).toBeLessThan(1e-4);
    });
  });

  it('ties new points to those it was fitted on as umap-learn does', async () => {
    const queries = packPoints(golden.queries);
    const neighbours = await nearestNeighbours({ among, queries, k: golden.k, onBlock });
    expect([...neighbours.indices]).toEqual(golden.neighbours.indices);
    const strengths = memberships(neighbours, 0);
    golden.neighbours.strengths.forEach((strength, e) => {
      expect(Math.abs(neighbours.distances[e]! - golden.neighbours.distances[e]!)).toBeLessThan(1e-5);
      expect(Math.abs(strengths[e]! - strength)).toBeLessThan(1e-4);
    });
  });
});

describe('the nearest neighbours', () => {
  it('are those of a comparison one by one, far from the origin and in several blocks', async () => {
    const random = randomGenerator(3, 'points');
    const rows = Array.from({ length: 2_500 }, () =>
      Float32Array.from({ length: 24 }, () => 1_000 + random.normal()),
    );
    const points = packPoints(rows);
    const shares: number[] = [];
    const found = await nearestNeighbours({
      among: points,
      k: 6,
      onBlock: async (share) => Promise.resolve(void shares.push(share)),
    });
    expect(shares.length).toBeGreaterThan(1);
    for (const row of [0, 1, 1_024, 2_499]) {
      expect([...found.indices.subarray(row * 6, row * 6 + 6)]).toEqual(nearestOneByOne(points, row, 6));
    }
  });
});

describe('the curve of a layout', () => {
  it('has the parameters that umap-learn fits', () => {
    for (const [minDist, a, b] of golden.curves) {
      const fitted = fitCurve(minDist);
      expect(fitted.a).toBeCloseTo(a, 3);
      expect(fitted.b).toBeCloseTo(b, 3);
    }
  });

  it('has tabled forces within 2·10⁻⁴ of the computed ones', () => {
    const curve = fitCurve(0.1);
    const { a, b } = curve;
    const [pull, push] = [attraction(curve), repulsion(curve)];
    for (let squared = 1e-6; squared < 1e6; squared *= 1.37) {
      const pulled = (-2 * a * b * squared ** (b - 1)) / (1 + a * squared ** b);
      const pushed = (2 * b) / ((0.001 + squared) * (1 + a * squared ** b));
      expect(Math.abs(forceAt(pull, squared) / pulled - 1)).toBeLessThan(2e-4);
      expect(Math.abs(forceAt(push, squared) / pushed - 1)).toBeLessThan(2e-4);
    }
  });
});

describe('the layout', () => {
  it('keeps neighbourhoods as well as umap-learn does', async () => {
    const { k, least } = golden.trustworthiness;
    const trust = [];
    for (const seed of [0, 1, 2]) {
      const options = { neighbors: 15, minDist: 0.1, seed, space: 'sheet', onProgress: () => undefined };
      const { train } = await projectFeatures({ ...options, train: golden.points, test: [] });
      trust.push(trustworthiness(among, packPoints(train), k));
    }
    expect(Math.min(...trust)).toBeGreaterThan(least - 0.005);
  });
});

function order(points: Points, row: number): number[] {
  const distance = (other: number): number => {
    let sum = 0;
    for (let d = 0; d < points.size; d += 1) {
      sum += (points.values[row * points.size + d]! - points.values[other * points.size + d]!) ** 2;
    }
    return sum;
  };
  const distances = Array.from({ length: points.count }, (_, other) =>
    other === row ? -1 : distance(other),
  );
  return [...distances.keys()].sort((a, b) => distances[a]! - distances[b]! || a - b);
}

function nearestOneByOne(points: Points, row: number, k: number): number[] {
  return order(points, row).slice(0, k);
}

/** Venna and Kaski's, as scikit-learn computes it. */
function trustworthiness(high: Points, low: Points, k: number): number {
  const n = high.count;
  let penalty = 0;
  for (let row = 0; row < n; row += 1) {
    const ranks = new Int32Array(n);
    order(high, row).forEach((other, rank) => (ranks[other] = rank));
    for (const other of order(low, row).slice(1, k + 1)) penalty += Math.max(0, ranks[other]! - k);
  }
  return 1 - (2 / (n * k * (2 * n - 3 * k - 1))) * penalty;
}
