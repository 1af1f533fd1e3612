/** The training loop, from where the state stands to the last epoch. */
import type { TrainingConfig } from '../../schemas/config/training-config.ts';
import type { TrainingSpec, EpochMetrics } from '../../schemas/training.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { peakMemoryMiB } from '../process/peak-memory.ts';
import { randomGenerator } from '../random/generator.ts';
import type { BatchSource } from './data/batch-source.ts';
import { testingBatches, trainingBatches } from './data/batches.ts';
import type { EpochSums, TrainingState } from './checkpoints/read-checkpoint.ts';
import { balancedRows } from './data/class-balance.ts';
import { stopsEarly } from './early-stopping.ts';
import { discrepancyRatios } from './methods/discrepancy.ts';
import { entriesOf, type PerModality } from '../../schemas/modality.ts';
import { epochRows, type RowPool } from './data/epoch-rows.ts';
import type { MultimodalModel } from './model/model.ts';
import { forget } from './optimizers/forget.ts';
import { learningRateAt } from './schedule.ts';
import { GradientMean } from './optimizers/gradient-mean.ts';
import type { TrainingParts } from './parts.ts';
import { trainStep, type StepOutcome } from './step.ts';
import { testStep } from './model/answers.ts';
import { accuracyOf, addPerModality, addTally, emptyTally, type Tally } from './model/tally.ts';

export interface SplitReader {
  readonly rows: number;
  readonly source: BatchSource;
}

export interface LoopInput {
  readonly spec: TrainingSpec;
  readonly parts: TrainingParts;
  readonly splits: {
    readonly train: SplitReader;
    readonly validation: SplitReader;
    readonly test: SplitReader;
  };
  /** Of the training split. */
  readonly pool: RowPool;
  /** Of the training split, by row. */
  readonly labels: Int32Array;
  /** Moved forward in place. */
  readonly state: TrainingState;
  /** After every update. May write a checkpoint; throws to stop. */
  readonly onStep: (outcome: StepOutcome, clips: number) => Promise<void>;
  /** After an epoch's metrics are in the state. */
  readonly onEpoch: (metrics: EpochMetrics) => Promise<void>;
}

/** Updates of so many batches: one for every `accumulateSteps`, and one for what is left at the end. */
export function updatesOf(batches: number, { accumulateSteps = 1 }: TrainingConfig): number {
  return Math.ceil(batches / accumulateSteps);
}

/** Whether all epochs are done, or enough of them. */
export function isDone({ epoch, metrics }: TrainingState, training: TrainingConfig): boolean {
  return epoch >= training.epochs || stopsEarly(metrics, training.earlyStopping);
}

export async function trainEpochs(input: LoopInput): Promise<void> {
  const { spec, parts, splits, state } = input;
  const { training } = spec;
  const { model, method } = parts;

  while (!isDone(state, training)) {
    const epoch = state.epoch; // from 0
    if (state.stepInEpoch === 0 && method.startsAnew?.(epoch) === true) forget(parts.optimizer);
    const learningRate = await trainEpoch(input, epoch);
    const rho = discrepancyRatios(state.sums.tally.scores);
    const judged = async () => ({
      validation: await judge(model, splits.validation, training.batchSize),
      test: await judge(model, splits.test, training.batchSize),
    });
    const { validation, test } = await (parts.averaged?.inPlace(judged) ?? judged());
    method.onEpochEnd?.(rho, { epoch, model, train: state.sums.tally, validation });
    const metrics: EpochMetrics = {
      epoch: epoch + 1,
      step: state.step,
      learningRate,
      ...summarise(state.sums),
      rho,
      ...(validation === undefined ? {} : { validation: accuracyOf(validation) }),
      ...(test === undefined ? {} : { test: accuracyOf(test) }),
    };
    state.metrics.push(metrics);
    state.epoch += 1;
    state.stepInEpoch = 0;
    state.sums = emptySums(spec);
    await input.onEpoch(metrics);
  }
}

/**
 * The steps of the epoch that are still to do.
 *
 * @returns the last one's learning rate
 */
async function trainEpoch(input: LoopInput, epoch: number): Promise<number> {
  const { spec, parts, splits, state } = input;
  const { training, seed } = spec;
  const { accumulateSteps = 1 } = training;
  const rateEpoch = parts.method.rateEpoch?.(epoch) ?? epoch;
  const batches = trainingBatches(rowsOf(input, epoch), training.batchSize, seed, epoch);
  const gathered = accumulateSteps > 1 ? new GradientMean() : undefined;
  let startedMs = performance.now();
  let askedMs = startedMs;
  let place = state.stepInEpoch * accumulateSteps;

  try {
    for await (const batch of splits.train.source.batches(batches.slice(place), {
      augment: training.augment,
      seed,
      epoch,
    })) {
      state.sums.dataWaitSeconds += (performance.now() - askedMs) / 1_000;
      const at = place;
      const random = (purpose: string) => randomGenerator(seed, purpose, epoch, at);
      const context = { epoch, stepInEpoch: at, stepsPerEpoch: batches.length, random };
      const learningRate = learningRateAt(training, rateEpoch, state.step);
      const outcome = trainStep(
        { ...parts, optimizer: gathered ?? parts.optimizer },
        batch,
        context,
        learningRate,
      );
      assertFinite(outcome.loss, state.step + 1, spec);
      addOutcome(state.sums, outcome, batch.size);
      place += 1;
      const updates = place % accumulateSteps === 0 || place === batches.length;
      if (updates) {
        gathered?.update(parts.optimizer, learningRate);
        parts.averaged?.follow(state.step);
      }
      state.sums.seconds += (performance.now() - startedMs) / 1_000;
      startedMs = performance.now();
      if (updates) {
        state.step += 1;
        state.stepInEpoch += 1;
        await input.onStep(outcome, batch.size);
      }
      askedMs = performance.now();
    }
  } finally {
    gathered?.dispose();
  }
  return learningRateAt(training, rateEpoch, state.step - 1);
}

/** The rows of an epoch, before they are shuffled. */
function rowsOf({ spec: { training, seed }, pool, labels }: LoopInput, epoch: number): Int32Array {
  const rows = epochRows(pool, seed, epoch);
  if (training.sampling === undefined) return rows;
  return balancedRows(rows, labels, randomGenerator(seed, 'balanced sampling', epoch));
}

/** What the model says of a split in testing mode; nothing when it has no clip. */
async function judge(
  model: MultimodalModel,
  split: SplitReader,
  batchSize: number,
): Promise<Tally | undefined> {
  if (split.rows === 0) return undefined;
  const tally = emptyTally(model.modalities);
  for await (const batch of split.source.batches(testingBatches(split.rows, batchSize))) {
    addTally(tally, testStep(model, batch));
  }
  return tally;
}

export function emptySums(spec: TrainingSpec): EpochSums {
  return {
    tally: emptyTally(spec.modalities),
    lossSum: 0,
    steps: 0,
    mixedSteps: 0,
    ratios: {},
    modulatedSteps: 0,
    coefficients: {},
    seconds: 0,
    dataWaitSeconds: 0,
  };
}

function addOutcome(sums: EpochSums, outcome: StepOutcome, clips: number): void {
  addTally(sums.tally, outcome.tally);
  sums.lossSum += outcome.loss * clips;
  sums.steps += 1;
  if (outcome.ratios !== undefined) {
    sums.mixedSteps += 1;
    addPerModality(sums.ratios, outcome.ratios);
  }
  if (outcome.coefficients !== undefined) {
    sums.modulatedSteps += 1;
    addPerModality(sums.coefficients, outcome.coefficients);
  }
}

function summarise(sums: EpochSums) {
  const { clips } = sums.tally;
  return {
    loss: sums.lossSum / clips,
    train: accuracyOf(sums.tally),
    ...(sums.mixedSteps === 0 ? {} : { lambda: meanOf(sums.ratios, sums.mixedSteps) }),
    ...(sums.modulatedSteps === 0 ? {} : { coefficient: meanOf(sums.coefficients, sums.modulatedSteps) }),
    seconds: sums.seconds,
    clipsPerS: clips / sums.seconds,
    dataWaitShare: sums.dataWaitSeconds / sums.seconds,
    peakMemoryMiB: peakMemoryMiB(),
  };
}

function meanOf(sums: Readonly<PerModality>, count: number): PerModality {
  return Object.fromEntries(entriesOf(sums).map(([modality, sum]) => [modality, sum / count]));
}

function assertFinite(loss: number, step: number, spec: TrainingSpec): void {
  if (Number.isFinite(loss)) return;
  throw new ModalmixError('config', `the loss became ${String(loss)} at step ${String(step)}`, {
    where: spec.trainingId,
    fix: 'Lower training.optimizer.learningRate, or raise training.batchSize.',
  });
}
