/** A training goes on with the matrix products that it began with. */
import { readFileSync, rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { storePaths } from '../../../schemas/names.ts';
import type { TrainingSpec } from '../../../schemas/training.ts';
import { processorFeatures } from '../../../pipelines/process/processor-features.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import {
  decodeCheckpoint,
  startOfHash,
  type TrainingState,
} from '../../../pipelines/training/checkpoints/read-checkpoint.ts';
import { decodeSafetensors, writeSafetensors } from '../../../pipelines/training/checkpoints/safetensors.ts';
import { publishTinyDataset, tinySpec } from './tiny-dataset.ts';
import { copyOfDataset, trainSteps } from './tiny-training.ts';

const STOPPED_AFTER = 2;
const STOPPED_AGAIN_AFTER = 1;

/** Puts other products into the newest checkpoint; undefined: none, as releases did that did not note them. */
async function note(store: Store, { trainingId }: TrainingSpec, products: TrainingState['products']) {
  const file = await store.localFile(storePaths.checkpoint(trainingId, STOPPED_AFTER));
  const { tensors, metadata } = decodeSafetensors(readFileSync(file), file);
  const json = JSON.stringify({ ...(JSON.parse(metadata['state']!) as TrainingState), products });
  const sources = new Map(
    [...tensors].map(([name, { shape, values }]) => [name, { shape, read: () => values }]),
  );
  const rewritten = (sha256: string) => ({ ...metadata, state: json, sha256 });
  rmSync(file);
  writeSafetensors(file, sources, rewritten, startOfHash(trainingId, json, sources));
}

it('goes on with TensorFlow’s products where it began with them, without a word and to the same weights', async () => {
  const dataset = await publishTinyDataset();
  // Wide enough for Winograd's transforms.
  const spec = tinySpec(dataset, 'joint', { encoder: { width: 8 }, epochs: 1, watchTest: false });
  const begun = async (products: TrainingState['products']) => {
    const store = await copyOfDataset(dataset);
    await expect(trainSteps(store, spec, STOPPED_AFTER)).rejects.toMatchObject({ kind: 'cancelled' });
    await note(store, spec, products);
    return store;
  };
  const ended = async (store: Store) => {
    const { model, notes } = await trainSteps(store, spec);
    expect(notes).toBeUndefined();
    return model.sha256;
  };
  const own = await ended(await copyOfDataset(dataset));
  const library = await ended(await begun('library'));
  expect(library).not.toBe(own);

  const interrupted = await begun('library');
  await expect(trainSteps(interrupted, spec, STOPPED_AGAIN_AFTER)).rejects.toMatchObject({
    kind: 'cancelled',
  });
  const path = storePaths.checkpoint(spec.trainingId, STOPPED_AFTER + STOPPED_AGAIN_AFTER);
  const { state } = decodeCheckpoint(await interrupted.get(path), spec.trainingId, path);
  expect(state.products).toBe('library');
  expect(await ended(interrupted)).toBe(library);

  // Releases that did not note them took TensorFlow's on such processors.
  const earlier = processorFeatures().has('avx512f') ? library : own;
  expect(await ended(await begun(undefined))).toBe(earlier);
});
