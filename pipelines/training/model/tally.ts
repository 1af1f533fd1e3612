/** Counting what a model says of labelled clips: hits, losses and scores, fused and by branch. No tensors. */
import type { z } from 'zod';
import type { Modality, PerModality } from '../../../schemas/modality.ts';
import type { splitAccuracySchema } from '../../../schemas/training.ts';
import { presentCount, type Presence } from '../data/presence.ts';

export type SplitAccuracy = z.infer<typeof splitAccuracySchema>;

/** Sums over clips; plain numbers, so that a checkpoint can hold them. */
export interface Tally {
  clips: number;
  /** Of the fused model's cross-entropies. */
  lossSum: number;
  fusedCorrect: number;
  /** By modality, over the clips that have it. */
  branchClips: PerModality;
  branchCorrect: PerModality;
  /** Of the branches' cross-entropies. */
  branchLossSum: PerModality;
  /** s^u: Σ softmax(branch logits)[y], over the clips that have every modality. */
  scores: PerModality;
}

export interface Answers {
  /** Logits [B × K], row-major. */
  readonly fused: Float32Array;
  readonly branches: Readonly<Partial<Record<Modality, Float32Array>>>;
}

export function emptyTally(modalities: readonly Modality[]): Tally {
  const zeros = () => Object.fromEntries(modalities.map((modality) => [modality, 0]));
  return {
    clips: 0,
    lossSum: 0,
    fusedCorrect: 0,
    branchClips: zeros(),
    branchCorrect: zeros(),
    branchLossSum: zeros(),
    scores: zeros(),
  };
}

export function tallyBatch(
  answers: Answers,
  labels: Int32Array,
  present: Presence,
  modalities: readonly Modality[],
): Tally {
  const tally = emptyTally(modalities);
  const classes = answers.fused.length / labels.length;
  for (const [row, label] of labels.entries()) {
    const fused = answers.fused.subarray(row * classes, (row + 1) * classes);
    tally.clips += 1;
    tally.lossSum -= logProbability(fused, label);
    tally.fusedCorrect += argMax(fused) === label ? 1 : 0;
    const complete = presentCount(present, modalities, row) === modalities.length;
    for (const modality of modalities) {
      if (present[modality]?.[row] !== 1) continue;
      const branch = answers.branches[modality]!.subarray(row * classes, (row + 1) * classes);
      tally.branchClips[modality] += 1;
      tally.branchCorrect[modality] += argMax(branch) === label ? 1 : 0;
      const logScore = logProbability(branch, label);
      tally.branchLossSum[modality] -= logScore;
      if (complete) tally.scores[modality] += Math.exp(logScore);
    }
  }
  return tally;
}

export function addTally(sum: Tally, more: Tally): void {
  sum.clips += more.clips;
  sum.lossSum += more.lossSum;
  sum.fusedCorrect += more.fusedCorrect;
  addPerModality(sum.branchClips, more.branchClips);
  addPerModality(sum.branchCorrect, more.branchCorrect);
  addPerModality(sum.branchLossSum, more.branchLossSum);
  addPerModality(sum.scores, more.scores);
}

/** @param weight what each of `more` counts */
export function addPerModality(sum: PerModality, more: Readonly<PerModality>, weight = 1): void {
  for (const [modality, value] of Object.entries(more) as [Modality, number][]) {
    sum[modality] = (sum[modality] ?? 0) + weight * value;
  }
}

/** A branch that no clip has is left out. */
export function accuracyOf(tally: Tally): SplitAccuracy {
  const branches: PerModality = {};
  const branchLosses: PerModality = {};
  for (const [modality, clips] of Object.entries(tally.branchClips) as [Modality, number][]) {
    if (clips === 0) continue;
    branches[modality] = (tally.branchCorrect[modality] ?? 0) / clips;
    branchLosses[modality] = (tally.branchLossSum[modality] ?? 0) / clips;
  }
  const clips = Math.max(1, tally.clips);
  return { loss: tally.lossSum / clips, fused: tally.fusedCorrect / clips, branches, branchLosses };
}

function logProbability(logits: Float32Array, label: number): number {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return logits[label]! - largest - Math.log(sum);
}

/** The first of the largest. */
export function argMax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i += 1) if (values[i]! > values[best]!) best = i;
  return best;
}
