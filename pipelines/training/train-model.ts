/** The training stage: from a published dataset and a spec to weights, metrics and checkpoints in the store. */
import { createHash } from 'node:crypto';
import { availableParallelism, totalmem } from 'node:os';
import type { Split } from '../../schemas/clip.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import { storePaths } from '../../schemas/names.ts';
import type { ActivityProgress } from '../../schemas/progress.ts';
import {
  trainingResultSchema,
  trainingSpecSchema,
  type EpochMetrics,
  type TrainingResult,
  type TrainingSpec,
} from '../../schemas/training.ts';
import { breathe } from '../process/child-process.ts';
import { loadManifest } from '../shards/load-manifest.ts';
import { openShards, type ShardSet } from '../shards/shard-reader.ts';
import type { Store } from '../store/store.ts';
import { BatchReader, trainingBatches } from './batches.ts';
import {
  encodeCheckpoint,
  newestCheckpoint,
  readVariables,
  saveCheckpoint,
  writeVariables,
  type TrainingState,
} from './checkpoint.ts';
import { emptySums, trainEpochs } from './loop.ts';
import { METHOD_OF } from './methods/index.ts';
import { MultimodalModel } from './model.ts';
import { createOptimizer } from './optimizers/index.ts';
import { RateMeter } from './rate.ts';
import { encodeSafetensors } from './safetensors.ts';
import type { StepParts } from './step.ts';
import { openTensorboard } from './tensorboard.ts';
import { tensorflowFacts } from './tensorflow.ts';

export interface TrainModelInput {
  readonly store: Store;
  readonly spec: TrainingSpec;
  /** Called after every step; `done` and `total` count optimiser steps. */
  readonly report: (progress: ActivityProgress) => void;
  /** Asked after every step. */
  readonly stopRequested: () => boolean;
}

/** Of the machine's memory, for shards held instead of read again each epoch. */
const MEMORY_SHARE = { train: 0.2, validation: 0.05, test: 0.05 } as const;
const MIB = 2 ** 20;

/**
 * Trains, or goes on where an earlier call stopped; a finished training is returned untouched.
 *
 * @throws ModalmixError `input` when the dataset is not there or does not hold what the spec asks for;
 *   `config` when the training split is empty or the loss is not a number;
 *   `cancelled` after a requested stop, with a checkpoint written
 */
export async function trainModel(input: TrainModelInput): Promise<TrainingResult> {
  const { store } = input;
  const spec = trainingSpecSchema.parse(input.spec);
  const { trainingId } = spec;
  const finished = await store.find(storePaths.trainingResult(trainingId));
  if (finished !== undefined) return trainingResultSchema.parse(JSON.parse(finished.toString('utf8')));

  const manifest = await loadManifest(store, spec.dataset.name, spec.dataset.version);
  assertTrainable(manifest, spec);
  await store.put(storePaths.runConfig(trainingId), `${JSON.stringify(spec, null, 2)}\n`);
  const opened: ShardSet[] = [];
  const open = async (split: Split) => {
    const shards = await openShards({
      store,
      manifest,
      split,
      modalities: spec.modalities,
      memoryBudgetMiB: (MEMORY_SHARE[split] * totalmem()) / MIB,
    });
    opened.push(shards);
    const options = { manifest, modalities: spec.modalities, cropPx: spec.training.cropPx };
    return { rows: shards.rows, reader: new BatchReader(shards, options) };
  };
  const parts = createParts(spec, manifest);
  try {
    const splits = {
      train: await open('train'),
      validation: await open('validation'),
      test: await open('test'),
    };
    const state = await resumeState(store, spec, parts);
    await follow(input, spec, parts, splits, state);
    return await finish(store, spec, manifest, parts, state);
  } finally {
    for (const shards of opened) shards.close();
    parts.model.dispose();
    parts.optimizer.dispose();
  }
}

function createParts(spec: TrainingSpec, manifest: DatasetManifest): StepParts {
  const { training, modalities, seed } = spec;
  const method = METHOD_OF[spec.method](training, modalities);
  const model = new MultimodalModel({
    modalities,
    encoder: training.encoder,
    fusion: method.fusion ?? training.fusion,
    classes: manifest.classNames.length,
    seed,
  });
  return { model, method, optimizer: createOptimizer(model.parameters.trainable, training.optimizer) };
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
  const rows = manifest.splits.train.rows;
  if (rows < 2) {
    throw new ModalmixError('config', `the training split has ${String(rows)} usable clips`, {
      where,
      fix: 'Training needs at least two; look at the quarantine for clips that could not be used.',
    });
  }
}

/** The newest whole checkpoint's state, with its tensors put in place; or the beginning. */
async function resumeState(store: Store, spec: TrainingSpec, parts: StepParts): Promise<TrainingState> {
  const { checkpoint, refused } = await newestCheckpoint(store, spec.trainingId);
  for (const reason of refused) process.stderr.write(`checkpoint passed over: ${reason}\n`);
  if (checkpoint === undefined) {
    return { epoch: 0, stepInEpoch: 0, step: 0, sums: emptySums(spec), metrics: [], method: null };
  }
  const where = storePaths.checkpoint(spec.trainingId, checkpoint.state.step);
  writeVariables(parts.model.parameters.all(), checkpoint.model, where);
  writeVariables(parts.optimizer.state, checkpoint.optimizer, where);
  parts.method.state?.restore(checkpoint.state.method);
  return checkpoint.state;
}

type Splits = Parameters<typeof trainEpochs>[0]['splits'];

/** Runs the loop, and around it checkpoints, metrics, progress and stopping. */
async function follow(
  { store, report, stopRequested }: TrainModelInput,
  spec: TrainingSpec,
  parts: StepParts,
  splits: Splits,
  state: TrainingState,
): Promise<void> {
  const { trainingId, training } = spec;
  const stepsPerEpoch = trainingBatches(splits.train.rows, training.batchSize, spec.seed, 0).length;
  const total = stepsPerEpoch * training.epochs;
  const encode = () => {
    state.method = parts.method.state?.save() ?? null;
    return encodeCheckpoint(trainingId, state, {
      model: parts.model.parameters.all(),
      optimizer: parts.optimizer.state,
    });
  };
  const save = async () => {
    await saveCheckpoint(store, trainingId, encode(), state.step, training.checkpoint.keepLast);
  };
  const stopIfAsked = async (saved: boolean) => {
    await breathe();
    if (!stopRequested()) return;
    if (!saved) await save();
    throw new ModalmixError('cancelled', `stopped after step ${String(state.step)} of ${String(total)}`, {
      where: trainingId,
      fix: 'Start it again to go on from there.',
    });
  };
  await putMetrics(store, trainingId, state.metrics);
  const tensorboard = await openTensorboard(store, trainingId, state.metrics);
  const rate = new RateMeter(state.step);

  await trainEpochs({
    spec,
    parts,
    splits,
    state,
    onStep: async ({ loss }) => {
      report({
        done: state.step,
        total,
        ...rate.after(state.step, total),
        loss,
        epoch: state.epoch + 1,
        epochs: training.epochs,
      });
      const due = state.step % training.checkpoint.everySteps === 0 && state.stepInEpoch < stepsPerEpoch;
      if (due) await save();
      // At an epoch's end the stop waits for the epoch's own checkpoint.
      if (state.stepInEpoch < stepsPerEpoch) await stopIfAsked(due);
    },
    onEpoch: async (metrics) => {
      const score = scoreOf(metrics);
      if (state.best === undefined || score > state.best.score) {
        state.best = { epoch: metrics.epoch, score };
        // Before the checkpoint that says so: a kill between the two only writes it twice.
        await store.put(storePaths.bestCheckpoint(trainingId), encode());
      }
      await save();
      await putMetrics(store, trainingId, state.metrics);
      tensorboard.write(metrics);
      if (state.epoch < training.epochs) await stopIfAsked(true);
    },
  });
}

/** Validation accuracy, or the negative training loss where there is no validation split; higher is better. */
function scoreOf(metrics: EpochMetrics): number {
  return metrics.validation?.fused ?? -metrics.loss;
}

/** The whole file each time, so that a resumed training has every epoch once. */
async function putMetrics(store: Store, trainingId: string, metrics: readonly EpochMetrics[]): Promise<void> {
  const lines = metrics.map((line) => `${JSON.stringify(line)}\n`);
  await store.put(storePaths.metrics(trainingId), lines.join(''));
}

async function finish(
  store: Store,
  spec: TrainingSpec,
  manifest: DatasetManifest,
  { model }: StepParts,
  state: TrainingState,
): Promise<TrainingResult> {
  const { trainingId } = spec;
  const weights = encodeSafetensors({
    tensors: readVariables(model.parameters.all()),
    metadata: { format: 'modalmix-model-1', trainingId, epoch: String(state.epoch) },
  });
  await store.put(storePaths.model(trainingId), weights);
  const last = state.metrics.at(-1)!;
  const best = state.best!;
  const result: TrainingResult = {
    formatVersion: 1,
    trainingId,
    method: spec.method,
    seed: spec.seed,
    modalities: spec.modalities,
    classNames: manifest.classNames,
    epochs: state.epoch,
    steps: state.step,
    parameters: model.parameters.count(),
    model: {
      path: storePaths.model(trainingId),
      sha256: createHash('sha256').update(weights).digest('hex'),
    },
    best: {
      path: storePaths.bestCheckpoint(trainingId),
      epoch: best.epoch,
      criterion: last.validation === undefined ? 'training loss' : 'validation accuracy',
      score: last.validation === undefined ? -best.score : best.score,
    },
    last,
    environment: {
      node: process.versions.node,
      ...tensorflowFacts(),
      threads: Number(process.env['TF_NUM_INTRAOP_THREADS'] ?? availableParallelism()),
    },
  };
  await store.put(storePaths.trainingResult(trainingId), `${JSON.stringify(result, null, 2)}\n`);
  return result;
}
