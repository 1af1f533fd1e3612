/** Every method on vectors that were computed elsewhere: two sets of them, of which some clips lack one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { indexDataset } from '../../../../pipelines/datasets/index-dataset.ts';
import { tf } from '../../../../pipelines/engine/tensorflow.ts';
import { withFeatures } from '../../../../pipelines/extraction/features/with-features.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import { trainingSpecs } from '../../../../pipelines/training/training-spec.ts';
import { runConfigSchema } from '../../../../schemas/config/config.ts';
import { METHODS } from '../../../../schemas/config/methods.ts';
import { storePaths } from '../../../../schemas/names.ts';
import { epochMetricsSchema } from '../../../../schemas/training.ts';
import { DIMS, writeFeatureClips } from '../../../support/feature-clips.ts';
import { rebuild } from '../../shards/fixtures.ts';
import type { TinyDataset } from '../tiny-dataset.ts';
import { copyOfDataset, trainSteps } from '../tiny-training.ts';

const folder = mkdtempSync(join(tmpdir(), 'modalmix-feature-methods-'));
let dataset: TinyDataset;

const configOf = (method: string) =>
  runConfigSchema.parse({
    name: 'vectors',
    dataset: { format: 'csv', file: join(folder, 'clips.csv') },
    extraction: {
      modalities: ['features:ast', 'features:text'],
      features: { ast: { dims: DIMS.ast, frames: 2 }, text: { dims: DIMS.text } },
    },
    training: {
      methods: [method],
      epochs: 4,
      batchSize: 18,
      encoder: { kind: 'cnn', width: 4 },
      optimizer: { name: 'adam', learningRate: 0.005 },
      schedule: { name: 'constant' },
      opm: { startEpoch: 0 },
      reconBoost: { boostEpochs: 1, rectifyEpochs: 1 },
    },
  });

beforeAll(async () => {
  writeFeatureClips(folder);
  const config = configOf('joint');
  const store = openStore(`file:${join(folder, 'store')}`);
  const { clips, classNames } = await indexDataset(config.dataset);
  const none = withFeatures({
    version: 'none',
    extract: () => Promise.reject(new Error('there are no media')),
  });
  dataset = { store, manifest: (await rebuild(store, clips, config.extraction, none, classNames)).manifest };
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

it.each(METHODS)(
  'they are fitted by %s, no tensor is left behind, and a stopped training goes on bit for bit',
  async (method) => {
    const [spec] = trainingSpecs(configOf(method), dataset.manifest);
    const [whole, broken] = [await copyOfDataset(dataset), await copyOfDataset(dataset)];
    const before = tf.memory().numTensors;
    const expected = await trainSteps(whole, spec!);
    // Five of each training are tfjs's own: what its writer of event files was made from.
    const trainings = (await whole.list('runs')).filter((path) => path.endsWith('/config.json')).length;
    expect(tf.memory().numTensors).toBeLessThanOrEqual(before + 5 * trainings);
    const lines = (await whole.get(storePaths.metrics(spec!.trainingId))).toString().trim().split('\n');
    const losses = lines.map((line) => epochMetricsSchema.parse(JSON.parse(line)).train.loss);
    expect(losses[3]).toBeLessThan(0.95 * losses[0]!);
    await expect(trainSteps(broken, spec!, 7)).rejects.toMatchObject({ kind: 'cancelled' });
    expect((await trainSteps(broken, spec!)).model.sha256).toBe(expected.model.sha256);
  },
  60_000,
);
