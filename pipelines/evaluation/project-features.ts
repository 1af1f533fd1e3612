/** Layout of a feature space in the plane by UMAP: fitted on training clips, test clips placed into it. */
import { UMAP } from 'umap-js';
import { breathe } from '../process/child-process.ts';
import { randomGenerator } from '../random/generator.ts';
import { nearestNeighbours } from './umap/nearest-neighbours.ts';
import { packPoints } from './umap/points.ts';

/** A multiple of three: umap-js gives placed points a third of these epochs and ends only on a whole number. */
const EPOCHS = 300;
/** Points placed between two breaths, at least. */
const CHUNK = 64;
/** At most: umap-js sorts its whole graph for each. */
const MOST_CHUNKS = 16;
/** Part of the work that the neighbours and the graph are, in epochs. */
const START_EPOCHS = 100;
/** With fewer, a layout says nothing. */
export const MIN_POINTS = 4;

export interface ProjectionInput {
  /** [points][features] of the training clips; at least `MIN_POINTS`. */
  readonly train: readonly ArrayLike<number>[];
  readonly test: readonly ArrayLike<number>[];
  readonly neighbors: number;
  readonly minDist: number;
  readonly seed: number;
  /** Names the space, so that two spaces draw different numbers. */
  readonly space: string;
  /** Called between short pieces of work with the share done, 0…1; may throw to stop. */
  readonly onProgress: (share: number) => void;
}

export interface Projection {
  /** [points][x, y] */
  readonly train: readonly (readonly [number, number])[];
  readonly test: readonly (readonly [number, number])[];
}

/**
 * UMAP (McInnes et al., arXiv 1802.03426) by umap-js, which is given the exact nearest neighbours of the training
 * clips; the same input gives the same layout on the same kind of processor.
 */
export async function projectFeatures(input: ProjectionInput): Promise<Projection> {
  const { seed, space, onProgress } = input;
  const train = input.train.map((row) => Array.from(row));
  const test = input.test.map((row) => Array.from(row));
  const neighbors = Math.min(input.neighbors, train.length - 1);
  const generator = randomGenerator(seed, `umap/${space}`);
  const umap = new UMAP({
    nNeighbors: neighbors,
    minDist: input.minDist,
    nEpochs: EPOCHS,
    distanceFn: distance,
    random: () => generator.uniform(),
  });
  const chunks = chunksOf(test, train.length);
  const steps = START_EPOCHS + EPOCHS + chunks.length * 10;
  /** Whole numbers but for the neighbours' part, so that the last is all. */
  const pauseAfter = async (done: number): Promise<void> => {
    await breathe();
    onProgress(done / steps);
  };

  const { indices, distances } = await nearestNeighbours({
    among: packPoints(train),
    k: neighbors,
    onBlock: async (share) => {
      await pauseAfter(START_EPOCHS * share);
    },
  });
  umap.setPrecomputedKNN(rowsOf(indices, neighbors), rowsOf(distances, neighbors));
  umap.initializeFit(train);
  for (let epoch = 1; epoch <= EPOCHS; epoch += 1) {
    umap.step();
    await pauseAfter(START_EPOCHS + epoch);
  }
  const layout = umap.getEmbedding().map(asPoint);
  const placed: [number, number][] = [];
  for (const [place, chunk] of chunks.entries()) {
    umap.transform(chunk).forEach((point, i) => {
      // Where all neighbours are equally far, umap-js divides by zero.
      placed.push(point.every(Number.isFinite) ? asPoint(point) : nearest(chunk[i] ?? [], train, layout));
    });
    await pauseAfter(START_EPOCHS + EPOCHS + (place + 1) * 10);
  }
  return { train: layout, test: placed };
}

/** umap-js takes a chunk as long as the training set for the training set itself, and would move both. */
function chunksOf(rows: readonly number[][], trainLength: number): number[][][] {
  const size = Math.max(CHUNK, Math.ceil(rows.length / MOST_CHUNKS));
  const chunks: number[][][] = [];
  for (let start = 0; start < rows.length;) {
    const length = Math.min(size, rows.length - start);
    const end = start + (length === trainLength ? length - 1 : length);
    chunks.push(rows.slice(start, end));
    start = end;
  }
  return chunks;
}

function rowsOf(values: Int32Array | Float64Array, width: number): number[][] {
  return Array.from({ length: values.length / width }, (_, row) => [
    ...values.subarray(row * width, (row + 1) * width),
  ]);
}

/** Euclidean; umap-js's own takes a power a feature. */
function distance(x: readonly number[], y: readonly number[]): number {
  let sum = 0;
  for (let d = 0; d < x.length; d += 1) {
    const difference = x[d]! - y[d]!;
    sum += difference * difference;
  }
  return Math.sqrt(sum);
}

function nearest(
  point: readonly number[],
  train: readonly (readonly number[])[],
  layout: readonly (readonly [number, number])[],
): [number, number] {
  let best = 0;
  let bestDistance = Infinity;
  train.forEach((row, n) => {
    const away = distance(row, point);
    if (away < bestDistance) [best, bestDistance] = [n, away];
  });
  const [x, y] = layout[best] ?? [0, 0];
  return [x, y];
}

function asPoint(point: readonly number[]): [number, number] {
  return [point[0] ?? 0, point[1] ?? 0];
}
