/**
 * The weighted graph that a layout follows: memberships of neighbours after UMAP's Algorithms 2 and 3
 * (McInnes et al., arXiv 1802.03426), with the constants and the edge cases of umap-learn 0.5.
 */
import type { Neighbours } from './nearest-neighbours.ts';

const SEARCH_STEPS = 64;
const SEARCH_TOLERANCE = 1e-5;
const LEAST_SCALE = 1e-3;

/** Edges, sorted by `from`, then `to`. */
export interface Graph {
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** Memberships in (0, 1]. */
  readonly weights: Float64Array;
}

/**
 * How strongly each point's neighbours belong to it, a `k` neighbours a point.
 *
 * @param neighbours of the points among themselves (each its own first), or of new points among others
 * @param connectivity 1: the nearest neighbour belongs wholly (points among themselves); 0: none must (new points)
 * @returns `neighbours.indices.length` memberships in 0…1; 0 of a point to itself when `connectivity` is 1
 */
export function memberships(neighbours: Neighbours, connectivity: 0 | 1): Float64Array {
  const { k, indices, distances } = neighbours;
  const count = indices.length / k;
  const meanOfAll = mean(distances);
  const strengths = new Float64Array(indices.length);
  for (let i = 0; i < count; i += 1) {
    const own = distances.subarray(i * k, (i + 1) * k);
    const nearest = connectivity === 1 ? (own.find((distance) => distance > 0) ?? 0) : 0;
    const scale = Math.max(
      scaleOf(own, nearest, Math.log2(k)),
      LEAST_SCALE * (nearest > 0 ? mean(own) : meanOfAll),
    );
    for (let j = 0; j < k; j += 1) {
      if (connectivity === 1 && indices[i * k + j] === i) continue;
      const beyond = own[j]! - nearest;
      strengths[i * k + j] = beyond <= 0 || scale === 0 ? 1 : Math.exp(-beyond / scale);
    }
  }
  return strengths;
}

/** The scale at which a point's memberships, all but the first, sum to `target`. */
function scaleOf(distances: Float64Array, nearest: number, target: number): number {
  let [low, high, scale] = [0, Infinity, 1];
  for (let step = 0; step < SEARCH_STEPS; step += 1) {
    let sum = 0;
    for (let j = 1; j < distances.length; j += 1) {
      const beyond = distances[j]! - nearest;
      sum += beyond > 0 ? Math.exp(-beyond / scale) : 1;
    }
    if (Math.abs(sum - target) < SEARCH_TOLERANCE) break;
    if (sum > target) {
      high = scale;
      scale = (low + high) / 2;
    } else {
      low = scale;
      scale = high === Infinity ? scale * 2 : (low + high) / 2;
    }
  }
  return scale;
}

/** The points' own graph: an edge is there if either end holds it so, w = a + b − a·b. */
export function fuzzyUnion({ k, indices }: Neighbours, strengths: Float64Array): Graph {
  const count = indices.length / k;
  const back = transposed(indices, strengths, k, count);
  const from: number[] = [];
  const to: number[] = [];
  const weights: number[] = [];
  const there = new Float64Array(count);
  const reverse = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    const touched: number[] = [];
    const note = (into: Float64Array, other: number, strength: number): void => {
      if (strength === 0) return;
      if (there[other] === 0 && reverse[other] === 0) touched.push(other);
      into[other] = strength;
    };
    for (let e = i * k; e < (i + 1) * k; e += 1) note(there, indices[e]!, strengths[e]!);
    for (let e = back.starts[i]!; e < back.starts[i + 1]!; e += 1)
      note(reverse, back.rows[e]!, back.values[e]!);
    touched.sort((a, b) => a - b);
    for (const other of touched) {
      const [a, b] = [there[other]!, reverse[other]!];
      from.push(i);
      to.push(other);
      weights.push(a + b - a * b);
      there[other] = 0;
      reverse[other] = 0;
    }
  }
  return { from: Int32Array.from(from), to: Int32Array.from(to), weights: Float64Array.from(weights) };
}

/** Edges by the point they lead to. */
function transposed(
  indices: Int32Array,
  strengths: Float64Array,
  k: number,
  count: number,
): { starts: Int32Array; rows: Int32Array; values: Float64Array } {
  const starts = new Int32Array(count + 1);
  for (const index of indices) starts[index + 1]! += 1;
  for (let i = 0; i < count; i += 1) starts[i + 1]! += starts[i]!;
  const next = starts.slice(0, count);
  const rows = new Int32Array(indices.length);
  const values = new Float64Array(indices.length);
  indices.forEach((index, e) => {
    const place = next[index]!;
    next[index] = place + 1;
    rows[place] = Math.floor(e / k);
    values[place] = strengths[e]!;
  });
  return { starts, rows, values };
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
