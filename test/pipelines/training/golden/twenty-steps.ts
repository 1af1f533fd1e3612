/**
 * Twenty steps on a real shard, for the comparison with PyTorch: which clips each step sees, and from what weights.
 * Run as a script it writes what `make_steps.py` reads:
 *
 *     npx tsx test/pipelines/training/golden/twenty-steps.ts FOLDER
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { trainingConfigSchema } from '../../../../schemas/config/training-config.ts';
import { readVariables } from '../../../../pipelines/training/checkpoints/checkpoint.ts';
import { MultimodalModel } from '../../../../pipelines/training/model/model.ts';
import { encodeSafetensors } from '../../../../pipelines/training/checkpoints/safetensors.ts';
import { publishTinyDataset } from '../tiny-dataset.ts';

export const STEPS = 20;
export const LEARNING_RATE = 1e-3;
export const CROP_PX = 32;
export const training = trainingConfigSchema.parse({
  encoder: { width: 2 },
  optimizer: { name: 'sgd', learningRate: LEARNING_RATE, momentum: 0.9, weightDecay: 1e-4 },
  ogm: { alpha: 0.8, ge: false },
});
const TRAINING_CLIPS = 22;
const BATCH = 8;

/** Rows of the training split in step `step`: going round it, each time from another place. */
export function rowsOf(step: number): Int32Array {
  return Int32Array.from({ length: BATCH }, (_, i) => (step * 5 + i * 3) % TRAINING_CLIPS);
}

/** The caller disposes it. */
export function createTwinModel(): MultimodalModel {
  return new MultimodalModel({
    modalities: ['audio', 'rgb'],
    encoder: training.encoder,
    fusion: 'concat',
    classes: 2,
    seed: 5,
  });
}

async function write(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const { store, manifest } = await publishTinyDataset();
  const shards = manifest.shards.filter(({ split }) => split === 'train');
  for (const [at, shard] of shards.entries()) {
    writeFileSync(join(folder, `shard-${String(at)}.arrow`), await store.get(shard.path));
  }
  const model = createTwinModel();
  const weights = encodeSafetensors({ tensors: readVariables(model.parameters.all()), metadata: {} });
  writeFileSync(join(folder, 'weights.safetensors'), weights);
  const rows = Array.from({ length: STEPS }, (_, step) => [...rowsOf(step)]);
  const facts = {
    sha256: shards.map(({ sha256 }) => sha256),
    normalisation: manifest.normalisation.audio,
    rows,
    learningRate: LEARNING_RATE,
  };
  writeFileSync(join(folder, 'facts.json'), JSON.stringify(facts));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await write(process.argv[2]!);
}
