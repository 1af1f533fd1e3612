/** What a training is given, and how it is followed and stopped. */
import type { ActivityProgress } from '../../schemas/progress.ts';
import type { EpochMetrics, TrainingSpec } from '../../schemas/training.ts';
import type { Store } from '../store/store.ts';

export interface TrainModelInput {
  readonly store: Store;
  readonly spec: TrainingSpec;
  /** Called after every step; `done` and `total` count optimiser steps. */
  readonly report: (progress: ActivityProgress) => void;
  /** Called after every epoch, with what stands in the metrics by then. */
  readonly onEpoch?: (metrics: EpochMetrics) => void;
  /** Asked after every step. */
  readonly stopRequested: () => boolean;
}

/** How a training's process tells of an epoch, among its `ActivityProgress`. */
export interface EpochReport {
  readonly epochMetrics: EpochMetrics;
}
