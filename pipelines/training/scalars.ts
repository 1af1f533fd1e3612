/** An epoch's metrics as named numbers, as TensorBoard, MLflow and Prometheus know them. Pure. */
import { entriesOf } from '../../schemas/modality.ts';
import type { EpochMetrics } from '../../schemas/training.ts';

/** `loss`, `validation/accuracy`, `validation/accuracy-rgb`, `rho/audio`, …; what an epoch does not have is not there. */
export function scalarsOf(metrics: EpochMetrics): [string, number][] {
  const scalars: [string, number][] = [
    ['loss', metrics.loss],
    ['learningRate', metrics.learningRate],
  ];
  if (metrics.dataWaitShare !== undefined) scalars.push(['dataWaitShare', metrics.dataWaitShare]);
  if (metrics.peakMemoryMiB !== undefined) scalars.push(['peakMemoryMiB', metrics.peakMemoryMiB]);
  for (const split of ['train', 'validation', 'test'] as const) {
    const accuracy = metrics[split];
    if (accuracy === undefined) continue;
    scalars.push([`${split}/loss`, accuracy.loss], [`${split}/accuracy`, accuracy.fused]);
    for (const [modality, value] of entriesOf(accuracy.branches)) {
      scalars.push([`${split}/accuracy-${modality}`, value]);
    }
  }
  for (const group of ['rho', 'lambda', 'coefficient'] as const) {
    for (const [modality, value] of entriesOf(metrics[group] ?? {})) {
      scalars.push([`${group}/${modality}`, value]);
    }
  }
  return scalars;
}
