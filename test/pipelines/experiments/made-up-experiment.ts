/** An experiment whose trainings are made up but true to the contracts; some are left out, one has failed. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { experimentConfigSchema, type ExperimentConfig } from '../../../schemas/config/experiment.ts';
import type { DatasetManifest, DatasetReference, ShardEntry } from '../../../schemas/manifest.ts';
import { METHODS } from '../../../schemas/config/methods.ts';
import { storePaths } from '../../../schemas/names.ts';
import { shardSchema } from '../../../schemas/shard.ts';
import { trainingResultSchema } from '../../../schemas/training.ts';
import { writeFeatures, type FeatureRows } from '../../../pipelines/evaluation/feature-table.ts';
import { groupsOf } from '../../../pipelines/experiments/matrix.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { ShardWriter } from '../../../pipelines/shards/write/shard-writer.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import { makeUpTraining, manifestOf } from '../../../bench/harness/made-up-run.ts';

export const EXPERIMENT = 'made-up-experiment';
const CLASSES = ['neutral', 'happy', 'sad', 'fear'];
const TEST_CLIPS = 120;
export const SPEAKERS = 5;

export interface MadeUpExperiment {
  readonly config: ExperimentConfig;
  readonly dataset: DatasetReference;
}

/** Every method with two seeds, as it is and under two conditions; the last method's seed 1 has failed, its conditions are missing. */
export async function makeUpExperiment(
  store: Store,
  changes: Record<string, unknown> = {},
): Promise<MadeUpExperiment> {
  const config = experimentConfigSchema.parse({
    name: 'emotions',
    base: {
      name: 'made-up',
      dataset: { format: 'folder', root: 'clips' },
      training: { epochs: 3, reconBoost: { boostEpochs: 1, rectifyEpochs: 0 } },
      evaluation: { noiseLevels: [0.5, 1] },
    },
    methods: [...METHODS],
    seeds: [0, 1],
    conditions: [
      { name: 'as it is' },
      { name: 'noisy labels', data: { labelNoise: 0.4 } },
      { name: 'few & <odd>', data: { keepShare: 0.1, missing: { audio: 0.25 } } },
    ],
    ...changes,
  });
  await store.put(storePaths.experimentConfig(EXPERIMENT), JSON.stringify(config));
  const manifest = manifestOf(config.base, CLASSES, TEST_CLIPS, clipName);
  const shard = await writeTestShard(store, manifest);
  await store.put(
    storePaths.manifest(manifest.name, manifest.version),
    JSON.stringify({ ...manifest, shards: [shard] }),
  );
  const dataset = { name: manifest.name, version: manifest.version };
  const last = config.methods.at(-1);
  for (const group of groupsOf(config)) {
    const first = group.condition === config.conditions[0]!.name;
    for (const spec of trainingSpecs(group.config, dataset)) {
      const { trainingId, method, seed } = spec;
      if (method === last && config.methods.length > 1) {
        if (!first) continue;
        if (seed === 1) {
          const path = storePaths.experimentFailure(EXPERIMENT, group.runId, method, seed);
          await store.put(path, JSON.stringify({ reason: 'the loss became NaN at step 7' }));
          continue;
        }
      }
      const { labels, predicted } = await makeUpTraining(store, spec, CLASSES, TEST_CLIPS, clipName);
      await store.put(
        storePaths.trainingResult(trainingId),
        JSON.stringify(resultOf(trainingId, method, seed)),
      );
      const rows: FeatureRows = {
        clipIds: labels.map((_, n) => clipName(n)),
        labels: Int32Array.from(labels),
        predicted: Int32Array.from(predicted),
        spaces: [],
      };
      await writeFeatures(store, storePaths.features(trainingId, 'test'), one(rows));
    }
  }
  return { config, dataset };
}

const clipName = (n: number): string => `clip-${String(n).padStart(4, '0')}`;

/** Rows without features, of one speaker after the other. */
async function writeTestShard(store: Store, manifest: DatasetManifest): Promise<ShardEntry> {
  const scratch = await store.scratchFolder();
  const file = join(scratch, 'test.arrow');
  const writer = await ShardWriter.create(file, shardSchema(manifest));
  for (let n = 0; n < TEST_CLIPS; n += 1) {
    await writer.append({
      clipId: clipName(n),
      label: n % CLASSES.length,
      split: 'test',
      group: `speaker ${String(n % SPEAKERS)}`,
      sourceSha256: 'ab',
    });
  }
  const written = await writer.finish();
  const path = storePaths.shard(manifest.name, 'test', '0123456789abcdef');
  await store.putFile(path, file);
  await rm(scratch, { recursive: true });
  return { ...manifest.shards.find(({ split }) => split === 'test')!, ...written, path };
}

async function* one<T>(value: T): AsyncGenerator<T> {
  yield value;
}

function resultOf(trainingId: string, method: string, seed: number) {
  return trainingResultSchema.parse({
    ...{ formatVersion: 1, trainingId, method, seed, modalities: ['audio', 'rgb'], classNames: CLASSES },
    ...{ epochs: 3, steps: 30, parameters: 1_000, model: { path: 'model', sha256: 'ab' } },
    best: { path: 'best', epoch: 3, criterion: 'training loss', score: 0.1 },
    last: {
      ...{ epoch: 3, step: 30, learningRate: 1e-3, loss: 1, rho: {}, seconds: 12, clipsPerS: 80 },
      train: { loss: 1, fused: 0.9, branches: {} },
    },
    environment: {
      ...{ node: '22.0.0', tfjs: '4.22.0', tensorflow: '2.21.0', engine: 'cpu', threads: 2 },
      peakMemoryMiB: 800 + 37 * seed + 11 * method.length,
    },
  });
}
