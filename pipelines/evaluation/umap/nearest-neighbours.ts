/**
 * Nearest neighbours by Euclidean distance, all pairs compared: matrix products find more candidates than are
 * asked for, and the candidates' distances are then computed one by one, free of the products' rounding.
 */
import { tf } from '../../engine/tensorflow.ts';
import type { Points } from './points.ts';

/** Distances held at a time: 16 MiB. */
const BLOCK_VALUES = 1 << 22;
/** Candidates beyond those asked for; rounding reorders only points that are about equally far. */
const SPARE = 8;

export interface Neighbours {
  /** Neighbours of a point, the nearest first; equally near ones by index. */
  readonly k: number;
  /** `queries.count` × `k` */
  readonly indices: Int32Array;
  /** `queries.count` × `k` */
  readonly distances: Float64Array;
}

export interface NeighboursInput {
  readonly among: Points;
  /** Absent: the neighbours of the points themselves, each its own first neighbour at distance 0. */
  readonly queries?: Points;
  /** 1…`among.count` */
  readonly k: number;
  /** Called between blocks with the share done, 0…1. */
  readonly onBlock: (share: number) => Promise<void>;
}

export async function nearestNeighbours(input: NeighboursInput): Promise<Neighbours> {
  const { among, queries = among, k, onBlock } = input;
  const itself = input.queries === undefined;
  const indices = new Int32Array(queries.count * k);
  const distances = new Float64Array(queries.count * k);
  const wanted = Math.min(among.count, k + SPARE);
  const mean = meanOf(among);
  // About their mean the points' squares are smallest, and so is what is lost between them.
  const [from, to] = [centred(among, mean), itself ? undefined : centred(queries, mean)];
  const candidates = tf.tidy(() => {
    const points = tf.tensor2d(from, [among.count, among.size]);
    return { points: tf.keep(points), halfSquares: tf.keep(points.square().sum(1).mul(0.5)) };
  });
  try {
    const rows = Math.max(1, Math.min(queries.count, Math.floor(BLOCK_VALUES / among.count)));
    for (let start = 0; start < queries.count; start += rows) {
      const end = Math.min(queries.count, start + rows);
      const block = (to ?? from).subarray(start * among.size, end * among.size);
      const nearest = tf.tidy(() => {
        const products = tf.matMul(
          tf.tensor2d(block, [end - start, among.size]),
          candidates.points,
          false,
          true,
        );
        return tf.topk(products.sub(candidates.halfSquares), wanted).indices.dataSync<'int32'>();
      });
      for (let row = start; row < end; row += 1) {
        const own = nearest.subarray((row - start) * wanted, (row - start + 1) * wanted);
        keepNearest(among, queries, row, itself, own, k, indices, distances);
      }
      await onBlock(end / queries.count);
    }
  } finally {
    candidates.points.dispose();
    candidates.halfSquares.dispose();
  }
  return { k, indices, distances };
}

function keepNearest(
  among: Points,
  queries: Points,
  row: number,
  itself: boolean,
  candidates: Int32Array,
  k: number,
  indices: Int32Array,
  distances: Float64Array,
): void {
  const found = [...candidates]
    .filter((index) => !(itself && index === row))
    .map((index) => ({ index, distance: distanceBetween(queries, row, among, index) }));
  found.sort((a, b) => a.distance - b.distance || a.index - b.index);
  if (itself) found.unshift({ index: row, distance: 0 });
  for (let j = 0; j < k; j += 1) {
    const { index, distance } = found[j]!;
    indices[row * k + j] = index;
    distances[row * k + j] = distance;
  }
}

function distanceBetween(a: Points, i: number, b: Points, j: number): number {
  const [u, v] = [a.values, b.values];
  let sum = 0;
  for (let d = 0, p = i * a.size, q = j * b.size; d < a.size; d += 1) {
    const difference = u[p + d]! - v[q + d]!;
    sum += difference * difference;
  }
  return Math.sqrt(sum);
}

function meanOf({ count, size, values }: Points): Float64Array {
  const mean = new Float64Array(size);
  for (let i = 0; i < values.length; i += size) {
    for (let d = 0; d < size; d += 1) mean[d]! += values[i + d]! / count;
  }
  return mean;
}

function centred({ size, values }: Points, mean: Float64Array): Float32Array {
  const moved = new Float32Array(values.length);
  for (let i = 0; i < values.length; i += size) {
    for (let d = 0; d < size; d += 1) moved[i + d] = values[i + d]! - mean[d]!;
  }
  return moved;
}
