/** Trainings on the tiny dataset, each in a store of its own. */
import { join } from 'node:path';
import type { TrainingResult, TrainingSpec } from '../../../schemas/training.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { trainModel } from '../../../pipelines/training/train-model.ts';
import { newFolder } from '../shards/fixtures.ts';
import type { TinyDataset } from './tiny-dataset.ts';

/** A store with the same dataset and no trainings. */
export async function copyOfDataset({ store }: TinyDataset): Promise<Store> {
  const copy = openStore(`file:${join(newFolder(), 'store')}`);
  for (const path of await store.list('datasets')) await copy.put(path, await store.get(path));
  return copy;
}

/** Trains until it is done or has taken `steps` steps, those of trainings that it needs among them. */
export async function trainSteps(
  store: Store,
  spec: TrainingSpec,
  steps = Infinity,
  onStep?: () => void,
): Promise<TrainingResult> {
  let taken = 0;
  return await trainModel({
    store,
    spec,
    report: () => {
      taken += 1;
      onStep?.();
    },
    stopRequested: () => taken >= steps,
  });
}
