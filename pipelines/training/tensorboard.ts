/** The epochs' metrics as TensorBoard event files: written where the store is a folder, sent after each epoch elsewhere. */
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { storePaths } from '../../schemas/names.ts';
import type { EpochMetrics } from '../../schemas/training.ts';
import type { Store } from '../store/store.ts';
import { tf, withTensorflow } from '../engine/tensorflow.ts';
import { scalarsOf } from './scalars.ts';

export interface TensorboardLog {
  write(metrics: EpochMetrics): Promise<void>;
  /** Nothing is written afterwards. */
  close(): Promise<void>;
}

/** Starts the log anew with what is already known, so that a resumed training has no epoch twice. */
export async function openTensorboard(
  store: Store,
  trainingId: string,
  known: readonly EpochMetrics[],
): Promise<TensorboardLog> {
  const path = storePaths.tensorboard(trainingId);
  await store.delete(path);
  // TensorFlow writes to folders only.
  const isFolder = store.uri.startsWith('file:');
  const folder = isFolder ? join(fileURLToPath(store.uri), path) : await store.scratchFolder();
  const writer = withTensorflow(() => tf.node.summaryFileWriter(folder));
  const add = (metrics: EpochMetrics) => {
    withTensorflow(() => {
      for (const [name, value] of scalarsOf(metrics)) writer.scalar(name, value, metrics.epoch);
    });
  };
  const send = async () => {
    withTensorflow(() => {
      writer.flush();
    });
    if (isFolder) return;
    for (const file of await readdir(folder)) {
      await store.put(`${path}/${file}`, await readFile(join(folder, file)));
    }
  };
  for (const metrics of known) add(metrics);
  if (known.length > 0) await send();
  return {
    write: async (metrics) => {
      add(metrics);
      await send();
    },
    close: async () => {
      if (!isFolder) await rm(folder, { recursive: true, force: true });
    },
  };
}
