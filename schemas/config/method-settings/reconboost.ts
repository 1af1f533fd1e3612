/** ReconBoost's part of the config, `training.reconBoost`. What it does: `pipelines/training/methods/reconboost.ts`. */
import { z } from 'zod';

export const reconBoostSchema = z.strictObject({
  /**
   * Of a stage: epochs of one modality alone, then epochs of all; a round is a stage of each modality. Absent: alike, and
   * chosen so that three rounds fit into `training.epochs`, at most the authors' 4.
   */
  boostEpochs: z.int().positive().optional(),
  /** Of a stage: epochs of all modalities after `boostEpochs`. Absent: as many as those. */
  rectifyEpochs: z.int().min(0).optional(),
  /** Of the label in the loss of one modality. */
  targetWeight: z.number().positive().default(5),
  /** Of what the other modalities predict already, which is taken off it. */
  ensembleWeight: z.number().min(0).default(1),
  /** Of the squared distance to the prediction of the modality of the stage before. */
  agreement: z.number().min(0).default(0.5),
});

export interface BoostingTarget {
  readonly epochs: number;
  readonly reconBoost: Pick<z.output<typeof reconBoostSchema>, 'boostEpochs' | 'rectifyEpochs'>;
}

/** In epochs. */
export interface StageLengths {
  readonly boost: number;
  readonly rectify: number;
  /** A stage of each modality. */
  readonly round: number;
  /** Whole rounds; the epochs that are left rectify all. */
  readonly rounds: number;
}

const LONGEST = 4;
const ROUNDS = 3;

/** @param modalities their number */
export function stageLengths({ epochs, reconBoost }: BoostingTarget, modalities: number): StageLengths {
  const { boostEpochs, rectifyEpochs } = reconBoost;
  const chosen = Math.max(1, Math.min(LONGEST, Math.floor(epochs / (ROUNDS * 2 * modalities))));
  const boost = boostEpochs ?? (Math.max(0, rectifyEpochs ?? 0) || chosen);
  const rectify = rectifyEpochs ?? boost;
  const round = modalities * (boost + rectify);
  return { boost, rectify, round, rounds: Math.floor(epochs / round) };
}

/** Why it cannot be trained in so few epochs, as the end of a sentence; nothing when it can. */
export function boostingProblem(target: BoostingTarget, modalities: number): string | undefined {
  const { boost, rectify, round, rounds } = stageLengths(target, modalities);
  if (rounds > 0) return undefined;
  return (
    `it needs ${String(round)} epochs for a stage of each of ${String(modalities)} modalities ` +
    `(${String(boost)} + ${String(rectify)}), and training.epochs is ${String(target.epochs)}: a modality would never be ` +
    'trained. Raise training.epochs, or set training.reconBoost.boostEpochs and rectifyEpochs lower'
  );
}
