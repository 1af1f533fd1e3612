/** What a training works with: model, method, optimiser, averaged weights. Made, put where a checkpoint stands, freed. */
import { storePaths } from '../../schemas/names.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import type { TrainingSpec } from '../../schemas/training.ts';
import { nativeKernels } from '../engine/kernels/native.ts';
import type { ShardSet } from '../shards/read/shard-reader.ts';
import { writeVariables, type LiveTensors } from './checkpoints/checkpoint.ts';
import type { Checkpoint, TrainingState } from './checkpoints/read-checkpoint.ts';
import { classCounts, weightsOf } from './data/class-balance.ts';
import type { RowPool } from './data/epoch-rows.ts';
import { methodOf } from './methods/index.ts';
import { AveragedWeights } from './optimizers/averaged-weights.ts';
import { withClipping } from './optimizers/clip-norm.ts';
import { createOptimizer } from './optimizers/index.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import { parameterRules } from './optimizers/parameter-rules.ts';
import type { StepParts } from './step.ts';
import { createModel } from './weights/create-model.ts';

export interface TrainingParts extends StepParts {
  readonly optimizer: Optimizer;
  /** What is judged and saved as the model; absent: the model's own weights. */
  readonly averaged: AveragedWeights | undefined;
}

export interface CreatePartsInput {
  readonly spec: TrainingSpec;
  readonly manifest: Pick<DatasetManifest, 'classNames'>;
  /** The training split. */
  readonly train: Pick<ShardSet, 'labels'>;
  readonly pool: RowPool;
}

/**
 * @param weights `none`: they are to come from a checkpoint
 * @throws ModalmixError `config` when class weights do not fit the dataset's classes
 */
export function createParts(
  { spec, manifest: { classNames }, train, pool }: CreatePartsInput,
  weights: 'initial' | 'none',
): TrainingParts {
  const { training, modalities } = spec;
  const method = methodOf(spec);
  const classWeights = weightsOf(
    classCounts(pool, train.labels, classNames.length),
    training.classWeights,
    classNames,
  );
  const loss = { labelSmoothing: training.labelSmoothing, classWeights };
  const model = createModel(spec, classNames.length, weights, loss);
  const plain = createOptimizer(
    model.parameters.trainable,
    training.optimizer,
    nativeKernels(),
    parameterRules(training, modalities),
  );
  const optimizer = training.clipNorm === undefined ? plain : withClipping(plain, training.clipNorm);
  const averaged =
    training.ema === undefined ? undefined : new AveragedWeights(model.parameters.all(), training.ema);
  return { model, method, optimizer, averaged };
}

/** What a checkpoint copies. */
export function liveTensors({ model, optimizer, averaged }: TrainingParts): LiveTensors {
  const trained = model.parameters.all();
  return averaged === undefined
    ? { model: trained, optimizer: optimizer.state }
    : { model: averaged.values, optimizer: optimizer.state, trained };
}

/** What a checkpoint knows of the parts beside their tensors, put into the state. */
export function noteParts(state: TrainingState, { method, optimizer }: TrainingParts): void {
  state.method = method.state?.save() ?? null;
  state.optimizerSteps = Object.fromEntries(optimizer.steps);
}

/** @throws ModalmixError `input` when the checkpoint's tensors are not those of the parts */
export function restoreParts(parts: TrainingParts, spec: TrainingSpec, checkpoint: Checkpoint): void {
  const { model, method, optimizer } = parts;
  const { state } = checkpoint;
  const where = storePaths.checkpoint(spec.trainingId, state.step);
  const live = liveTensors(parts);
  writeVariables(live.model, checkpoint.model, where);
  writeVariables(live.trained ?? new Map(), checkpoint.trained, where);
  writeVariables(optimizer.state, checkpoint.optimizer, where);
  method.state?.restore(state.method);
  if (spec.training.optimizer.name === 'sgd') return;
  // Older versions counted one step for all: that is what each had then.
  for (const name of model.parameters.trainable.keys()) {
    const steps = state.optimizerSteps === undefined ? state.step : state.optimizerSteps[name];
    if (steps !== undefined) optimizer.steps.set(name, steps);
  }
}

export function disposeParts({ model, optimizer, averaged }: TrainingParts): void {
  model.dispose();
  optimizer.dispose();
  averaged?.dispose();
}
