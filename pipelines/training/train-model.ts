/** The training stage: from a published dataset and a spec to weights, metrics and checkpoints in the store. */
import type { Split } from '../../schemas/clip.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import { storePaths } from '../../schemas/names.ts';
import {
  trainingResultSchema,
  trainingSpecSchema,
  type TrainingResult,
  type TrainingSpec,
} from '../../schemas/training.ts';
import { loadManifest } from '../shards/manifest/load-manifest.ts';
import { usePlugins } from '../plugins/registry.ts';
import { openShards, type ShardSet } from '../shards/read/shard-reader.ts';
import { withClaim } from './claim.ts';
import { keepRows, rowPoolOf } from './data/epoch-rows.ts';
import { methodOf } from './methods/index.ts';
import { PLUGIN_KIT } from './plugin-kit.ts';
import { neededTrainings } from './needed-trainings.ts';
import type { TrainModelInput } from './train-input.ts';
import { trainSplits } from './train-splits.ts';
import { trainingDataOf, withTrainingData } from './data/training-data.ts';
import { findStored } from '../store/stored-json.ts';

/**
 * Trains, or goes on where an earlier call stopped; a finished training is returned untouched, and one that another process
 * is at is waited for. Trainings that the method needs are done first, each as a training of its own, with its own reports.
 *
 * @throws ModalmixError `input` when the dataset is not there or does not hold what the spec asks for;
 *   `config` when there is nothing to train on, the model to start from is another, or the loss is not a number;
 *   `cancelled` after a requested stop, with a checkpoint written
 */
export async function trainModel(input: TrainModelInput): Promise<TrainingResult> {
  const { store, stopRequested } = input;
  const spec = trainingSpecSchema.parse(input.spec);
  const { trainingId } = spec;
  const findFinished = async () =>
    await findStored(store, storePaths.trainingResult(trainingId), trainingResultSchema, 'remake');
  return (
    (await findFinished()) ??
    (await withClaim({ store, trainingId, stopRequested }, async () => {
      return (await findFinished()) ?? (await trainClaimed(input, spec));
    }))
  );
}

async function trainClaimed(input: TrainModelInput, spec: TrainingSpec): Promise<TrainingResult> {
  const { store, report, stopRequested } = input;
  await usePlugins(spec.plugins, async (path) => await store.get(path), PLUGIN_KIT);
  const manifest = await loadManifest(store, spec.dataset.name, spec.dataset.version);
  assertTrainable(manifest, spec);
  const needed = neededTrainings(spec);
  const wholePool = rowPoolOf(spec, manifest);
  for (const first of needed) await trainModel({ ...input, spec: first });
  await store.put(storePaths.runConfig(spec.trainingId), `${JSON.stringify(spec, null, 2)}\n`);
  const opened: ShardSet[] = [];
  const open = async (split: Split) => {
    const unread = split === 'test' && spec.training.watchTest === false;
    const shards = await openShards({
      store,
      manifest: unread ? { ...manifest, shards: [] } : manifest,
      split,
      modalities: spec.modalities,
    });
    opened.push(shards);
    return shards;
  };
  try {
    const train = await open('train');
    const data = trainingDataOf(spec, train, manifest.classNames.length);
    const pool = data === undefined ? wholePool : keepRows(wholePool, data.kept);
    const splits = {
      train: data === undefined ? train : withTrainingData(train, data),
      validation: await open('validation'),
      test: await open('test'),
    };
    const told = input.onEpoch === undefined ? {} : { onEpoch: input.onEpoch };
    return await trainSplits({ store, spec, manifest, splits, pool, report, stopRequested, ...told });
  } finally {
    for (const shards of opened) shards.close();
  }
}

function assertTrainable(manifest: DatasetManifest, spec: TrainingSpec): void {
  const where = storePaths.manifest(spec.dataset.name, spec.dataset.version);
  const lacking = spec.modalities.filter((modality) => !manifest.modalities.includes(modality));
  if (lacking.length > 0) {
    throw new ModalmixError('input', `the dataset has no ${lacking.join(' and no ')}`, {
      where,
      fix: `It has ${manifest.modalities.join(', ')}; rebuild it with extraction.modalities.`,
    });
  }
  const { needsValidation } = methodOf(spec);
  if (needsValidation !== undefined && manifest.splits.validation.rows === 0) {
    throw new ModalmixError('config', `${spec.method} needs a validation split: ${needsValidation}`, {
      where,
      fix: 'Set dataset.validationShare, or leave the method out of training.methods.',
    });
  }
  if (spec.training.earlyStopping !== undefined && manifest.splits.validation.rows === 0) {
    throw new ModalmixError('config', 'training.earlyStopping needs a validation split', {
      where,
      fix: 'Set dataset.validationShare, or leave it out.',
    });
  }
  const rows = manifest.splits.train.rows;
  if (rows < 2) {
    throw new ModalmixError('config', `the training split has ${String(rows)} usable clips`, {
      where,
      fix: 'Training needs at least two; look at the quarantine for clips that could not be used.',
    });
  }
}
