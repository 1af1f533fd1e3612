/** Trains on opened splits: the loop, and around it checkpoints, resuming, metrics, progress and stopping. */
import { availableParallelism } from 'node:os';
import type { Split } from '../../schemas/clip.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import { storePaths } from '../../schemas/names.ts';
import type { EpochMetrics, TrainingResult } from '../../schemas/training.ts';
import { breathe } from '../process/child-process.ts';
import { peakMemoryMiB } from '../process/peak-memory.ts';
import type { ShardSet } from '../shards/read/shard-reader.ts';
import { hashFile } from '../store/hash-file.ts';
import type { Store } from '../store/store.ts';
import { openBatches } from './data/batch-source.ts';
import { trainingBatches } from './data/batches.ts';
import { logScaleOf } from './data/vary-sound.ts';
import { publishFile } from './checkpoints/checkpoint-files.ts';
import { CheckpointSender } from './checkpoints/checkpoint-sender.ts';
import { sourceOf, writeCheckpoint } from './checkpoints/checkpoint.ts';
import { newestCheckpoint, type Checkpoint, type TrainingState } from './checkpoints/read-checkpoint.ts';
import { epochRows, type RowPool } from './data/epoch-rows.ts';
import { emptySums, isDone, trainEpochs, updatesOf, type SplitReader } from './loop.ts';
import { closeNeeded, openNeeded } from './needed-trainings.ts';
import {
  createParts,
  disposeParts,
  liveTensors,
  noteParts,
  restoreParts,
  type TrainingParts,
} from './parts.ts';
import { RateMeter } from './rate.ts';
import { writeSafetensors } from './checkpoints/safetensors.ts';
import { writeStartingWeights } from './weights/starting-weights.ts';
import { openTensorboard } from './tensorboard.ts';
import { chooseProducts, earlierProducts } from '../engine/kernels/raw-convolution.ts';
import { tensorflowFacts } from '../engine/tensorflow.ts';
import type { TrainModelInput } from './train-input.ts';

export interface TrainSplitsInput extends TrainModelInput {
  readonly manifest: Pick<DatasetManifest, 'classNames' | 'normalisation' | 'extraction'>;
  readonly splits: Readonly<Record<Split, ShardSet>>;
  readonly pool: RowPool;
}

/** See `trainModel`. */
export async function trainSplits(input: TrainSplitsInput): Promise<TrainingResult> {
  const { store, spec, manifest } = input;
  const finished = await openNeeded(store, spec, manifest);
  let parts: TrainingParts | undefined;
  try {
    const begun = await begin(input);
    parts = begun.parts;
    parts.method.begin?.(finished);
    const state = await begun.resume();
    await follow(input, parts, state);
    return await finish(input, parts, state);
  } finally {
    if (parts !== undefined) disposeParts(parts);
    closeNeeded(finished);
    chooseProducts('own');
  }
}

/** The parts, and what puts them where the newest whole checkpoint stands; to be called once. */
async function begin(
  input: TrainSplitsInput,
): Promise<{ readonly parts: TrainingParts; readonly resume: () => Promise<TrainingState> }> {
  const { store, spec, manifest, splits, pool } = input;
  const found = await newestCheckpoint(store, spec.trainingId);
  if (found.checkpoint === undefined && found.refused.length > 0) throw allDamaged(input, found.refused);
  // Let go of before the training: it is as large as the model and the optimiser's memory.
  let { checkpoint } = found;
  delete found.checkpoint;
  // A training keeps those that it began with, for the weights of one in one go.
  const products = checkpoint === undefined ? 'own' : (checkpoint.state.products ?? earlierProducts());
  chooseProducts(products);
  const parts = createParts(
    { spec, manifest, train: splits.train, pool },
    checkpoint === undefined ? 'initial' : 'none',
  );
  const resume = async () => {
    const taken = checkpoint;
    checkpoint = undefined;
    const state = await resumeState(input, parts, taken);
    state.products = products;
    await noteResumption(state, found.refused);
    return state;
  };
  return { parts, resume };
}

/** The checkpoint's state, with its tensors put in place; without one the beginning. */
async function resumeState(
  { store, spec, manifest }: TrainSplitsInput,
  parts: TrainingParts,
  checkpoint: Checkpoint | undefined,
): Promise<TrainingState> {
  if (checkpoint === undefined) {
    await writeStartingWeights(store, spec, manifest, parts.model);
    parts.averaged?.begin();
    return { epoch: 0, stepInEpoch: 0, step: 0, sums: emptySums(spec), metrics: [], method: null };
  }
  restoreParts(parts, spec, checkpoint);
  return checkpoint.state;
}

/** A training is hours of work: that it begins anew is for a person to say. */
function allDamaged({ store, spec }: TrainSplitsInput, refused: readonly string[]): ModalmixError {
  const folder = `${store.uri}/${storePaths.checkpoints(spec.trainingId)}`;
  return new ModalmixError(
    'input',
    `no checkpoint of the training is whole, so it cannot go on:\n${refused.map((reason) => `  ${reason}`).join('\n')}`,
    { where: folder, fix: 'Restore one from a copy, or delete that folder to train from the beginning.' },
  );
}

/** Puts into the state what makes these weights others than those of a training in one go, or may have cost it time. */
async function noteResumption(state: TrainingState, refused: readonly string[]): Promise<void> {
  const { engine, device } = await tensorflowFacts();
  const machine = `${engine}, ${device}, ${counted(threads())}`;
  const step = String(state.step);
  const notes = [
    ...refused.map((reason) => `a damaged checkpoint was passed over, went on from step ${step}: ${reason}`),
    ...(state.machine === undefined || state.machine === machine
      ? []
      : [
          `from step ${step} on: ${machine}; before: ${state.machine}. The weights are others, by rounding, than those of a training in one go.`,
        ]),
  ];
  state.machine = machine;
  if (notes.length > 0) state.notes = [...(state.notes ?? []), ...notes];
}

function threads(): number {
  return Number(process.env['TF_NUM_INTRAOP_THREADS'] ?? availableParallelism());
}

function counted(count: number): string {
  return `${String(count)} ${count === 1 ? 'thread' : 'threads'}`;
}

async function follow(input: TrainSplitsInput, parts: TrainingParts, state: TrainingState): Promise<void> {
  const { store, spec, manifest, splits, pool, report, stopRequested } = input;
  const { trainingId, training } = spec;
  const stepsPerEpoch = updatesOf(
    trainingBatches(epochRows(pool, spec.seed, 0), training.batchSize, spec.seed, 0).length,
    training,
  );
  const total = stepsPerEpoch * training.epochs;
  const checkpoints = new CheckpointSender(store, trainingId, training.checkpoint.keepLast);
  /** Under the step's name, after being published under `first`. */
  const save = async (...first: string[]) => {
    noteParts(state, parts);
    const paths = [...first, storePaths.checkpoint(trainingId, state.step)];
    await checkpoints.save(paths, (file) => {
      writeCheckpoint(file, trainingId, state, liveTensors(parts));
    });
  };
  const stopIfAsked = async (saved: boolean) => {
    await breathe();
    if (!stopRequested()) return;
    if (!saved) await save();
    await checkpoints.settled();
    throw new ModalmixError('cancelled', `stopped after step ${String(state.step)} of ${String(total)}`, {
      where: trainingId,
      fix: 'Start it again to go on from there.',
    });
  };
  await putMetrics(store, trainingId, state.metrics);
  const tensorboard = await openTensorboard(store, trainingId, state.metrics);
  const rate = new RateMeter(state.step);
  const note = state.notes?.at(-1);
  const { modalities } = spec;
  const { cropPx, testView } = training;
  const { candidates } = manifest.extraction.video;
  const soundScale = logScaleOf(manifest.extraction.audio.frontEnd);
  const views = { cropPx, testView, candidates, soundScale };
  const sources = await openBatches(splits, { manifest, modalities, ...views });
  const readerOf = (split: Split): SplitReader => ({ rows: splits[split].rows, source: sources.of[split] });

  try {
    await trainEpochs({
      spec,
      parts,
      splits: {
        train: readerOf('train'),
        validation: readerOf('validation'),
        test: readerOf('test'),
      },
      pool,
      labels: splits.train.labels,
      state,
      onStep: async ({ loss }) => {
        checkpoints.assertSent();
        report({
          done: state.step,
          total,
          ...rate.after(state.step, total),
          loss,
          epoch: state.epoch + 1,
          epochs: training.epochs,
          ...(note === undefined ? {} : { note }),
        });
        const due = state.step % training.checkpoint.everySteps === 0 && state.stepInEpoch < stepsPerEpoch;
        if (due) await save();
        // At an epoch's end the stop waits for the epoch's own checkpoint.
        if (state.stepInEpoch < stepsPerEpoch) await stopIfAsked(due);
      },
      onEpoch: async (metrics) => {
        const score = scoreOf(metrics);
        const isBest = state.best === undefined || score > state.best.score;
        if (isBest) state.best = { epoch: metrics.epoch, score };
        // Before the checkpoint that says so: a kill between the two only writes it twice.
        await save(...(isBest ? [storePaths.bestCheckpoint(trainingId)] : []));
        await putMetrics(store, trainingId, state.metrics);
        await tensorboard.write(metrics);
        input.onEpoch?.(metrics);
        if (!isDone(state, training)) await stopIfAsked(true);
      },
    });
    await checkpoints.settled();
  } finally {
    await checkpoints.close();
    await sources.close();
    await tensorboard.close();
  }
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
  { store, spec, manifest }: TrainSplitsInput,
  parts: TrainingParts,
  state: TrainingState,
): Promise<TrainingResult> {
  const { trainingId } = spec;
  const variables = [...liveTensors(parts).model].map(
    ([name, variable]) => [name, sourceOf(variable)] as const,
  );
  const metadata = { format: 'modalmix-model-1', trainingId, epoch: String(state.epoch) };
  let sha256 = '';
  await publishFile(store, [storePaths.model(trainingId)], async (file) => {
    writeSafetensors(file, new Map(variables), () => metadata);
    sha256 = await hashFile(file);
  });
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
    parameters: parts.model.parameters.count(),
    model: {
      path: storePaths.model(trainingId),
      sha256,
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
      ...(await tensorflowFacts()),
      threads: threads(),
      peakMemoryMiB: peakMemoryMiB(),
    },
  };
  if (state.notes !== undefined) result.notes = state.notes;
  await store.put(storePaths.trainingResult(trainingId), `${JSON.stringify(result, null, 2)}\n`);
  return result;
}
