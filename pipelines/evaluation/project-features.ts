/** Layout of a feature space in the plane by UMAP: fitted on training clips, test clips placed into it. */
import { UMAP } from 'umap-js';
import { breathe } from '../process/child-process.ts';
import { randomGenerator } from '../random/generator.ts';

/** A multiple of three: umap-js gives placed points a third of these epochs and ends only on a whole number. */
const EPOCHS = 300;
/** Points placed between two breaths. */
const CHUNK = 64;
/** With fewer, a layout says nothing. */
export const MIN_POINTS = 4;

export interface ProjectionInput {
  /** [points][features] of the training clips; at least `MIN_POINTS`. */
  readonly train: readonly (readonly number[])[];
  readonly test: readonly (readonly number[])[];
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

/** UMAP (McInnes et al., arXiv 1802.03426) through umap-js; the same input gives the same layout. */
export async function projectFeatures(input: ProjectionInput): Promise<Projection> {
  const { seed, space, onProgress } = input;
  const train = input.train.map((row) => [...row]);
  const generator = randomGenerator(seed, `umap/${space}`);
  const umap = new UMAP({
    nNeighbors: Math.min(input.neighbors, train.length - 1),
    minDist: input.minDist,
    nEpochs: EPOCHS,
    random: () => generator.uniform(),
  });
  const steps = EPOCHS + Math.ceil(input.test.length / CHUNK) * 10;
  let done = 0;
  const pause = async (weight: number): Promise<void> => {
    done += weight;
    await breathe();
    onProgress(Math.min(1, done / steps));
  };

  umap.initializeFit(train);
  for (let epoch = 0; epoch < EPOCHS; epoch += 1) {
    umap.step();
    await pause(1);
  }
  const layout = umap.getEmbedding().map(asPoint);
  const test: [number, number][] = [];
  for (const chunk of chunksOf(input.test, train.length)) {
    umap.transform(chunk.map((row) => [...row])).forEach((point, i) => {
      // Where all neighbours are equally far, umap-js divides by zero.
      test.push(point.every(Number.isFinite) ? asPoint(point) : nearest(chunk[i] ?? [], train, layout));
    });
    await pause(10);
  }
  return { train: layout, test };
}

/** umap-js takes a chunk as long as the training set for the training set itself, and would move both. */
function chunksOf(rows: readonly (readonly number[])[], trainLength: number): (readonly number[])[][] {
  const chunks: (readonly number[])[][] = [];
  for (let start = 0; start < rows.length;) {
    const length = Math.min(CHUNK, rows.length - start);
    const end = start + (length === trainLength ? length - 1 : length);
    chunks.push(rows.slice(start, end));
    start = end;
  }
  return chunks;
}

function nearest(
  point: readonly number[],
  train: readonly (readonly number[])[],
  layout: readonly (readonly [number, number])[],
): [number, number] {
  let best = 0;
  let bestDistance = Infinity;
  train.forEach((row, n) => {
    const distance = row.reduce((sum, value, d) => sum + (value - (point[d] ?? 0)) ** 2, 0);
    if (distance < bestDistance) [best, bestDistance] = [n, distance];
  });
  const [x, y] = layout[best] ?? [0, 0];
  return [x, y];
}

function asPoint(point: readonly number[]): [number, number] {
  return [point[0] ?? 0, point[1] ?? 0];
}
