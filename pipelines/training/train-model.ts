/** The training stage: from a published dataset and a spec to weights, metrics and checkpoints in the store. */
import { ModalmixError } from '../../schemas/errors.ts';
import type { ActivityProgress } from '../../schemas/progress.ts';
import type { TrainingResult, TrainingSpec } from '../../schemas/training.ts';
import type { Store } from '../store/store.ts';

export interface TrainModelInput {
  readonly store: Store;
  readonly spec: TrainingSpec;
  /** Called after every step; `done` and `total` count optimiser steps. */
  readonly report: (progress: ActivityProgress) => void;
  /** Asked after every step. */
  readonly stopRequested: () => boolean;
}

/**
 * Trains, or goes on where an earlier call stopped; a finished training is returned untouched.
 *
 * @throws ModalmixError `input` when the dataset is not there or does not hold what the spec asks for;
 *   `cancelled` after a requested stop, with a checkpoint written
 */
export async function trainModel(input: TrainModelInput): Promise<TrainingResult> {
  throw new ModalmixError('internal', 'training is being built', { where: input.spec.trainingId });
}
