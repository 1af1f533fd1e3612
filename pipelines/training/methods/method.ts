/**
 * What a training method is. The loop reads batches, judges and counts; a method decides what is minimised and how. A
 * method is one file, one line in `index.ts`, its name and hyper-parameters in `schemas/config/methods.ts`, and one numeric
 * test.
 *
 * Most methods are a `forward`, the loss of a batch, and perhaps `adjustGradients`. What else there is:
 *   - `step` takes the whole step over: several losses with gradients of their own, several updates in one step, or
 *     only some of the parameters;
 *   - `fusion` and `extend` give the model parts of the method's own, which are trained, saved, loaded and judged as
 *     the others are;
 *   - `onEpochEnd` sees what was counted over the epoch; `state` is what the next epochs depend on;
 *   - `needs` names methods that are trained first on the same data, `begin` gets what they ended with.
 */
import type { MethodName } from '../../../schemas/config/methods.ts';
import type { TrainingConfig } from '../../../schemas/config/training-config.ts';
import type { Modality, PerModality } from '../../../schemas/modality.ts';
import type { EpochMetrics } from '../../../schemas/training.ts';
import type { Generator } from '../../random/generator.ts';
import type { Batch } from '../data/batches.ts';
import type { Features } from '../model/features.ts';
import type { ModelFusion } from '../model/fusion/index.ts';
import type { LoadedModel } from '../model/loaded-model.ts';
import type { Ratios } from './mixup/mixup.ts';
import type { CreateExtension, MultimodalModel } from '../model/model.ts';
import type { Gradients } from '../../engine/network/parameters.ts';
import type { Tally } from '../model/tally.ts';
import type { Scalar } from '../../engine/tensorflow.ts';

export interface StepContext {
  /** From 0. */
  readonly epoch: number;
  /** Batches seen in the epoch before this one, and its batches in all. */
  readonly stepInEpoch: number;
  readonly stepsPerEpoch: number;
  /** A generator of this step's own for each purpose. */
  readonly random: (purpose: string) => Generator;
}

export interface ForwardPass {
  readonly loss: Scalar;
  /** Unmixed, for the branches' accuracies and ρ. */
  readonly features: Features;
  /** The ratios used, when something was mixed. */
  readonly ratios?: Ratios;
}

export interface AdjustedGradients {
  readonly gradients: Gradients;
  /** What each encoder's gradients were multiplied by, for the metrics. */
  readonly coefficients: PerModality;
  /** Where that is to slow the update: by parameter, so that an optimiser that ignores a gradient's scale follows too. */
  readonly factors?: ReadonlyMap<string, number>;
}

/** A forward pass and its gradients; the tensors live to the step's end. */
export interface Pass extends Omit<ForwardPass, 'loss'> {
  readonly loss: number;
  readonly gradients: Gradients;
}

export interface DifferentiateOptions {
  /** The parameters to differentiate by, by name; absent: all. */
  readonly by?: (parameter: string) => boolean;
  /** For a second pass over a batch: leaves the running statistics of normalisation as the first has moved them. */
  readonly keepStatistics?: boolean;
}

/** What a method's own `step` works with. */
export interface StepTools {
  readonly model: MultimodalModel;
  /** Loss, features and gradients of one pass. */
  differentiate(forward: () => ForwardPass, options?: DifferentiateOptions): Pass;
  /**
   * Counts what the model says of the batch's unmixed features, for the metrics; once a step.
   *
   * @returns discrepancy ratios of the batch
   */
  observe(features: Features): PerModality;
  /**
   * One update by the optimiser; a parameter without a gradient stays as it is.
   *
   * @param factors what gradients have been multiplied by to make updates so much smaller
   */
  apply(gradients: Gradients, factors?: ReadonlyMap<string, number>): void;
}

export interface StepReport {
  /** What was minimised. */
  readonly loss: number;
  readonly ratios?: Ratios | undefined;
  readonly coefficients?: PerModality | undefined;
}

/** What is known when an epoch is over. */
export interface EpochEnd {
  /** From 0. */
  readonly epoch: number;
  readonly model: MultimodalModel;
  /** Of the epoch's training steps. */
  readonly train: Tally;
  /** Under the weights at its end, averaged ones where they are what is judged; absent without a validation split. */
  readonly validation: Tally | undefined;
}

/** A training that was needed, done. */
export interface FinishedTraining {
  /** In testing mode. Disposed by the training that needed it. */
  readonly model: LoadedModel;
  readonly metrics: readonly EpochMetrics[];
}

export interface Method {
  /** Overrides the configured fusion: by name, or one of the method's own. */
  readonly fusion?: ModelFusion;
  /** Makes the method's own parameters with the model, e.g. a head for each modality. */
  readonly extend?: CreateExtension;
  /** One step's loss. Runs inside the gradient tape, once a step. */
  readonly forward: (model: MultimodalModel, batch: Batch, context: StepContext) => ForwardPass;
  /**
   * Changes the gradients before the optimiser uses them; new tensors belong to the tidy around the call.
   *
   * @param gradients those that it replaces may be disposed
   * @param rho discrepancy ratios of this batch
   */
  readonly adjustGradients?: (
    gradients: Gradients,
    rho: Readonly<PerModality>,
    context: StepContext,
  ) => AdjustedGradients;
  /** Takes the place of the ordinary step: `forward`, gradients, `adjustGradients`, one update. */
  readonly step?: (tools: StepTools, batch: Batch, context: StepContext) => StepReport;
  /** The epoch whose learning rate an epoch has; absent: its own. Both from 0. */
  readonly rateEpoch?: (epoch: number) => number;
  /** Whether the optimiser forgets before an epoch (from 0) what it remembers of the ones before. */
  readonly startsAnew?: (epoch: number) => boolean;
  /** @param rho discrepancy ratios over the epoch's training clips */
  readonly onEpochEnd?: (rho: Readonly<PerModality>, end: EpochEnd) => void;
  /** What the next epochs depend on, as JSON; kept in checkpoints. Tensors belong in `extend`. */
  readonly state?: { save(): unknown; restore(saved: unknown): void };
  /** Methods trained first on the same data, by the same config and seed; finished trainings are used again. */
  readonly needs?: readonly MethodName[];
  /** Why a training by it cannot do without a validation split. */
  readonly needsValidation?: string;
  /** Called before the first step, also when a training goes on. */
  readonly begin?: (finished: ReadonlyMap<MethodName, FinishedTraining>) => void;
}

export type CreateMethod = (training: TrainingConfig, modalities: readonly Modality[]) => Method;
