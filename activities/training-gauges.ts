/**
 * What a training shows on its worker's Prometheus endpoint (`--metrics`), beside what Temporal shows there: queue waits, slots,
 * failures. Labels are the run and its method; a worker trains few at a time, and shows the last values of those before.
 */
import { Context } from '@temporalio/activity';
import { entriesOf } from '../schemas/modality.ts';
import type { ActivityProgress } from '../schemas/progress.ts';
import type { EpochMetrics } from '../schemas/training.ts';

/** By name. */
export const TRAINING_GAUGES = {
  modalmix_training_loss: "Of the last step: what the training's method minimises.",
  modalmix_training_steps_per_second: 'Optimiser steps a second; 0 when it does not train.',
  modalmix_training_steps_done: 'Optimiser steps done.',
  modalmix_training_steps: 'Optimiser steps in all.',
  modalmix_training_epoch: 'The epoch at work, from 1.',
  modalmix_training_data_wait_ratio: "Of the last epoch's time, the share in which steps waited for batches.",
  modalmix_training_clips_per_second: 'Over the last epoch.',
  modalmix_training_accuracy: 'After the last epoch, by split; branch: fused, or a modality.',
  modalmix_training_rho: 'Discrepancy ratio of each modality over the last epoch.',
  modalmix_training_lambda: 'Mean mixing ratio of each modality over the last epoch.',
} as const;
type Gauge = keyof typeof TRAINING_GAUGES;

const EVERY_MS = 1_000;

export interface TrainingGauges {
  readonly step: (progress: ActivityProgress) => void;
  readonly epoch: (metrics: EpochMetrics) => void;
  readonly end: () => void;
}

/** To be called in an activity. */
export function trainingGauges(runId: string, method: string): TrainingGauges {
  const { metricMeter } = Context.current();
  const made = new Map(
    (Object.keys(TRAINING_GAUGES) as Gauge[]).map((name) => [
      name,
      metricMeter.createGauge(name, 'float', '', TRAINING_GAUGES[name]),
    ]),
  );
  const set = (name: Gauge, value: number | undefined, tags: Readonly<Record<string, string>> = {}) => {
    // Ours are never negative; Temporal's gauges take nothing that is.
    if (value !== undefined && value >= 0) made.get(name)!.set(value, { run: runId, method, ...tags });
  };
  let toldMs = -Infinity;
  return {
    step: ({ loss, ratePerS, done, total, epoch }) => {
      const nowMs = performance.now();
      if (nowMs - toldMs < EVERY_MS && done < total) return;
      toldMs = nowMs;
      set('modalmix_training_loss', loss);
      set('modalmix_training_steps_per_second', ratePerS);
      set('modalmix_training_steps_done', done);
      set('modalmix_training_steps', total);
      set('modalmix_training_epoch', epoch);
    },
    epoch: (metrics) => {
      set('modalmix_training_data_wait_ratio', metrics.dataWaitShare);
      set('modalmix_training_clips_per_second', metrics.clipsPerS);
      for (const split of ['train', 'validation', 'test'] as const) {
        const accuracy = metrics[split];
        if (accuracy === undefined) continue;
        set('modalmix_training_accuracy', accuracy.fused, { split, branch: 'fused' });
        for (const [modality, value] of entriesOf(accuracy.branches)) {
          set('modalmix_training_accuracy', value, { split, branch: modality });
        }
      }
      for (const [modality, value] of entriesOf(metrics.rho))
        set('modalmix_training_rho', value, { modality });
      for (const [modality, value] of entriesOf(metrics.lambda ?? {})) {
        set('modalmix_training_lambda', value, { modality });
      }
    },
    end: () => {
      set('modalmix_training_steps_per_second', 0);
    },
  };
}
