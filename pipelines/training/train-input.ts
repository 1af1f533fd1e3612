/** What a training is given, and how it is followed and stopped. */
import type { ActivityProgress } from '../../schemas/progress.ts';
import type { TrainingSpec } from '../../schemas/training.ts';
import type { Store } from '../store/store.ts';

export interface TrainModelInput {
  readonly store: Store;
  readonly spec: TrainingSpec;
  /** Called after every step; `done` and `total` count optimiser steps. */
  readonly report: (progress: ActivityProgress) => void;
  /** Asked after every step. */
  readonly stopRequested: () => boolean;
}
