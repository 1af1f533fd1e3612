/**
 * Layout of a feature space in the plane by UMAP (McInnes et al., arXiv 1802.03426): fitted on training clips, test
 * clips placed into it. Neighbours are exact; otherwise it is umap-learn's algorithm, started on the principal axes.
 */
import { breathe } from '../process/child-process.ts';
import { fitCurve } from './umap/curve.ts';
import { fuzzyUnion, memberships } from './umap/fuzzy-graph.ts';
import { optimiseLayout } from './umap/layout.ts';
import { nearestNeighbours, type Neighbours } from './umap/nearest-neighbours.ts';
import { packPoints } from './umap/points.ts';
import { startOnPrincipalAxes } from './umap/start.ts';

/** umap-learn's: more where they cost little. */
const EPOCHS = { few: 500, many: 200, manyFrom: 10_001 } as const;
const PLACING_EPOCHS = { few: 100, many: 30, manyFrom: 10_001 } as const;
const LEARNING_RATE = 1;
const PLACING_RATE = 0.25;
/** With fewer, a layout says nothing. */
export const MIN_POINTS = 4;

export interface ProjectionInput {
  /** [points][features] of the training clips; at least `MIN_POINTS`. */
  readonly train: readonly ArrayLike<number>[];
  readonly test: readonly ArrayLike<number>[];
  /** Of a point, itself among them. */
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

/** The same input gives the same layout on the same kind of processor. */
export async function projectFeatures(input: ProjectionInput): Promise<Projection> {
  const { seed, space, onProgress } = input;
  const train = packPoints(input.train);
  const test = packPoints(input.test);
  const k = Math.max(2, Math.min(input.neighbors, train.count - 1));
  const curve = fitCurve(input.minDist);
  const purpose = `umap/${space}`;
  /** Pieces of work, by the share of the whole that they take at most sizes. */
  const during = (from: number, to: number) => async (share: number) => {
    onProgress(from + (to - from) * share);
    await breathe();
  };

  const fitted = test.count === 0 ? 1 : 0.85;
  const neighbours = await nearestNeighbours({ among: train, k, onBlock: during(0, 0.2) });
  const places = startOnPrincipalAxes(train, seed, purpose);
  const epochs = epochsOf(EPOCHS, train.count);
  const onEpoch = during(0.2, fitted);
  await optimiseLayout({
    graph: fuzzyUnion(neighbours, memberships(neighbours, 1)),
    moved: places,
    others: places,
    ...{ curve, epochs, learningRate: LEARNING_RATE, seed, purpose },
    onEpoch: async (done) => {
      await onEpoch(done / epochs);
    },
  });
  if (test.count === 0) return { train: pointsOf(places), test: [] };

  const onPlaced = during(fitted + 0.05, 1);
  const among = await nearestNeighbours({
    ...{ among: train, queries: test, k },
    onBlock: during(fitted, fitted + 0.05),
  });
  const strengths = memberships(among, 0);
  const placed = weightedMeans(among, strengths, places);
  const placingEpochs = epochsOf(PLACING_EPOCHS, test.count);
  await optimiseLayout({
    graph: {
      from: among.indices.map((_, e) => Math.floor(e / k)),
      to: among.indices,
      weights: strengths,
    },
    moved: placed,
    others: places,
    ...{ curve, epochs: placingEpochs, learningRate: PLACING_RATE, seed, purpose: `${purpose}/placed` },
    onEpoch: async (done) => {
      await onPlaced(done / placingEpochs);
    },
  });
  return { train: pointsOf(places), test: pointsOf(placed) };
}

function epochsOf(policy: typeof EPOCHS | typeof PLACING_EPOCHS, points: number): number {
  return points >= policy.manyFrom ? policy.many : policy.few;
}

/** A new point starts amid its neighbours, or on the one it equals. */
function weightedMeans(
  { k, indices }: Neighbours,
  strengths: Float64Array,
  places: Float64Array,
): Float64Array {
  const placed = new Float64Array((indices.length / k) * 2);
  for (let start = 0; start < indices.length; start += k) {
    const own = strengths.subarray(start, start + k);
    const sum = own.reduce((total, strength) => total + strength, 0);
    const alone = sum === 0 || own[0] === 1;
    own.forEach((strength, j) => {
      const share = alone ? (j === 0 ? 1 : 0) : strength / sum;
      const other = 2 * indices[start + j]!;
      placed[(2 * start) / k]! += share * places[other]!;
      placed[(2 * start) / k + 1]! += share * places[other + 1]!;
    });
  }
  return placed;
}

function pointsOf(places: Float64Array): [number, number][] {
  return Array.from({ length: places.length / 2 }, (_, i) => [places[2 * i]!, places[2 * i + 1]!]);
}
