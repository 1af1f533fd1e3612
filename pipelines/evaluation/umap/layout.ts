/**
 * Moves points in the plane until they lie as the graph asks: stochastic gradient descent with negative
 * samples, Algorithm 5 of UMAP (McInnes et al., arXiv 1802.03426), with the constants of umap-learn.
 */
import { randomGenerator } from '../../random/generator.ts';
import type { Curve } from './curve.ts';
import { attraction, forceAt, repulsion, type ForceTable } from './forces.ts';
import type { Graph } from './fuzzy-graph.ts';

const NEGATIVE_SAMPLES = 5;
const MOST_MOVE = 4;
/** The linear congruential steps of Numerical Recipes: from an edge's drawn number to its further ones. */
const MULTIPLIER = 1_664_525;
const INCREMENT = 1_013_904_223;
const WORDS = 2 ** 32;

export interface LayoutInput {
  readonly graph: Graph;
  /** Places of the edges' `from`, [x, y] one after the other; moved in place. */
  readonly moved: Float64Array;
  /** Places of the edges' `to`: `moved` itself, or points that stay where they are. */
  readonly others: Float64Array;
  readonly curve: Curve;
  readonly epochs: number;
  readonly learningRate: number;
  readonly seed: number;
  /** Names the draws. */
  readonly purpose: string;
  readonly onEpoch: (done: number) => Promise<void>;
}

export async function optimiseLayout(input: LayoutInput): Promise<void> {
  const { epochs, seed, purpose, learningRate } = input;
  const schedule = scheduleOf(input.graph, epochs);
  const forces = { pull: attraction(input.curve), push: repulsion(input.curve) };
  const drawn = new Uint32Array(schedule.from.length);
  let rate = learningRate;
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    const repelling = planEpoch(schedule, epoch);
    randomGenerator(seed, purpose, epoch).words(drawn.subarray(0, repelling));
    moveOnce(input, schedule, forces, rate, drawn);
    rate = learningRate * (1 - epoch / epochs);
    await input.onEpoch(epoch + 1);
  }
}

/** When each edge attracts and repels next; an edge does so the oftener, the heavier it is. */
interface Schedule {
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** Epochs from one attraction to the next, ≥ 1. */
  readonly period: Float64Array;
  readonly nextAttraction: Float64Array;
  readonly nextRepulsion: Float64Array;
  /** Repulsions of this epoch, by edge; −1: the edge rests. */
  readonly repulsions: Int32Array;
}

/** Edges that would not be used once in so many epochs are left out. */
function scheduleOf({ from, to, weights }: Graph, epochs: number): Schedule {
  const heaviest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  const kept = [...weights.keys()].filter((e) => weights[e]! >= heaviest / epochs);
  const period = Float64Array.from(kept, (e) => heaviest / weights[e]!);
  return {
    from: Int32Array.from(kept, (e) => from[e]!),
    to: Int32Array.from(kept, (e) => to[e]!),
    period,
    nextAttraction: period.slice(),
    nextRepulsion: period.map((value) => value / NEGATIVE_SAMPLES),
    repulsions: new Int32Array(kept.length),
  };
}

/** Decides which edges are used in this epoch; @returns how many of them repel */
function planEpoch(schedule: Schedule, epoch: number): number {
  const { period, nextAttraction, nextRepulsion, repulsions } = schedule;
  let repelling = 0;
  for (let e = 0; e < period.length; e += 1) {
    if (nextAttraction[e]! > epoch) {
      repulsions[e] = -1;
      continue;
    }
    const repelEvery = period[e]! / NEGATIVE_SAMPLES;
    const count = Math.max(0, Math.floor((epoch - nextRepulsion[e]!) / repelEvery));
    nextAttraction[e]! += period[e]!;
    nextRepulsion[e]! += count * repelEvery;
    repulsions[e] = count;
    if (count > 0) repelling += 1;
  }
  return repelling;
}

function moveOnce(
  { moved, others }: LayoutInput,
  { from, to, repulsions }: Schedule,
  { pull, push }: { readonly pull: ForceTable; readonly push: ForceTable },
  rate: number,
  drawn: Uint32Array,
): void {
  const bothMove = moved === others;
  const perWord = others.length / 2 / WORDS;
  let used = 0;
  for (let e = 0; e < from.length; e += 1) {
    const repelled = repulsions[e]!;
    if (repelled < 0) continue;
    const i = 2 * from[e]!;
    const j = 2 * to[e]!;
    let x = moved[i]!;
    let y = moved[i + 1]!;
    const towardsX = x - others[j]!;
    const towardsY = y - others[j + 1]!;
    const squared = towardsX * towardsX + towardsY * towardsY;
    if (squared > 0) {
      const force = forceAt(pull, squared);
      const stepX = clip(force * towardsX) * rate;
      const stepY = clip(force * towardsY) * rate;
      x += stepX;
      y += stepY;
      if (bothMove) {
        others[j]! -= stepX;
        others[j + 1]! -= stepY;
      }
    }
    let word = repelled > 0 ? drawn[used++]! : 0;
    for (let n = 0; n < repelled; n += 1) {
      const k = 2 * Math.floor((word >>> 0) * perWord);
      word = (Math.imul(word, MULTIPLIER) + INCREMENT) | 0;
      // A point does not repel itself; its stored place is the one before this edge.
      if (bothMove && k === i) continue;
      const awayX = x - others[k]!;
      const awayY = y - others[k + 1]!;
      const distance = awayX * awayX + awayY * awayY;
      if (distance > 0) {
        const force = forceAt(push, distance);
        x += clip(force * awayX) * rate;
        y += clip(force * awayY) * rate;
      }
    }
    moved[i] = x;
    moved[i + 1] = y;
  }
}

function clip(value: number): number {
  return value > MOST_MOVE ? MOST_MOVE : value < -MOST_MOVE ? -MOST_MOVE : value;
}
