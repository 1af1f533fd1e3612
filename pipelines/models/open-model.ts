/** The registry's first version: the training that the main job made. */
import type { RunConfig } from '../../schemas/config/config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import type { ModelVersion } from '../../schemas/retrain.ts';
import { trainingResultSchema, trainingSpecSchema, type TrainingSpec } from '../../schemas/training.ts';
import type { Store } from '../store/store.ts';
import { findStored } from '../store/stored-json.ts';
import { trainingSpecs } from '../training/training-spec.ts';
import { moveCurrent, readCurrent, registerVersion } from './registry.ts';

export interface OpenModelInput {
  readonly store: Store;
  readonly config: RunConfig;
  readonly model: string;
  /** The dataset that the main job trained on. */
  readonly dataset: { readonly name: string; readonly version: string };
  readonly now: Date;
}

/**
 * Registers the training of the config's first method and seed as the model's first version, unless the model
 * has a current one.
 *
 * @returns the current version
 * @throws ModalmixError `input` when that training is not complete
 */
export async function openModel(input: OpenModelInput): Promise<ModelVersion> {
  const { store, config, model, dataset, now } = input;
  const current = await readCurrent(store, model);
  if (current !== undefined) return current.version;
  const spec = trainingSpecs(config, dataset)[0];
  if (spec === undefined) throw new ModalmixError('config', 'the run trains nothing', { where: config.name });
  const version = await registerVersion(store, await versionOf(store, model, spec), now);
  await moveCurrent(store, {
    model,
    to: version.version,
    by: 'first',
    reason: `the main job's ${spec.method} with seed ${String(spec.seed)}`,
    now,
  });
  return version;
}

/** What a version record says of a complete training. */
export async function versionOf(store: Store, model: string, spec: TrainingSpec) {
  const path = storePaths.trainingResult(spec.trainingId);
  const result = await findStored(store, path, trainingResultSchema);
  if (result === undefined) {
    throw new ModalmixError('input', 'the training is not complete', {
      where: path,
      fix: 'Start it again; it goes on from its last checkpoint.',
    });
  }
  const { trainingId, method, seed, modalities, classNames } = result;
  return {
    ...{ model, trainingId, method, seed, modalities, classNames },
    dataset: spec.dataset,
    weights: result.model,
  };
}

/** The full spec of a training, as it was stored when it began. */
export async function readTrainingSpec(store: Store, trainingId: string): Promise<TrainingSpec> {
  const path = storePaths.runConfig(trainingId);
  const spec = await findStored(store, path, trainingSpecSchema);
  if (spec !== undefined) return spec;
  throw new ModalmixError('input', 'the training of a registered model is gone', {
    where: path,
    fix: 'Restore it from a copy of the store.',
  });
}
