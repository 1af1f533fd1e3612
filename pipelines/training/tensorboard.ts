/** The epochs' metrics as TensorBoard event files, for stores that are folders. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { storePaths } from '../../schemas/names.ts';
import type { EpochMetrics } from '../../schemas/training.ts';
import type { Store } from '../store/store.ts';
import { tf } from './tensorflow.ts';

export interface TensorboardLog {
  write(metrics: EpochMetrics): void;
}

/** Starts the log anew with what is already known, so that a resumed training has no epoch twice. */
export async function openTensorboard(
  store: Store,
  trainingId: string,
  known: readonly EpochMetrics[],
): Promise<TensorboardLog> {
  if (!store.uri.startsWith('file:')) return { write: () => undefined };
  const folder = join(fileURLToPath(store.uri), storePaths.tensorboard(trainingId));
  await rm(folder, { recursive: true, force: true });
  const writer = tf.node.summaryFileWriter(folder);
  const log: TensorboardLog = {
    write: (metrics) => {
      for (const [name, value] of scalarsOf(metrics)) writer.scalar(name, value, metrics.epoch);
      writer.flush();
    },
  };
  for (const metrics of known) log.write(metrics);
  return log;
}

function scalarsOf(metrics: EpochMetrics): [string, number][] {
  const scalars: [string, number][] = [
    ['loss', metrics.loss],
    ['learningRate', metrics.learningRate],
  ];
  for (const split of ['train', 'validation', 'test'] as const) {
    const accuracy = metrics[split];
    if (accuracy === undefined) continue;
    scalars.push([`${split}/loss`, accuracy.loss], [`${split}/accuracy`, accuracy.fused]);
    for (const [modality, value] of Object.entries(accuracy.branches)) {
      scalars.push([`${split}/accuracy-${modality}`, value]);
    }
  }
  for (const group of ['rho', 'lambda', 'coefficient'] as const) {
    for (const [modality, value] of Object.entries(metrics[group] ?? {})) {
      scalars.push([`${group}/${modality}`, value]);
    }
  }
  return scalars;
}
