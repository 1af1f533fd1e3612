/**
 * What a training method is. The loop encodes, differentiates, updates and counts; a method decides what is
 * minimised and may change the gradients. A method is one file, one line in `index.ts` and one numeric test.
 *
 * A method that mixes inputs changes the batch before it encodes it; one that trains encoders in turn, or weighs
 * them, does so in `adjustGradients`; what it learns over an epoch it keeps in its state.
 */
import type { TrainingConfig } from '../../../schemas/config.ts';
import type { Modality } from '../../../schemas/modality.ts';
import type { Generator } from '../../random/generator.ts';
import type { Batch } from '../batches.ts';
import type { PerModality } from '../discrepancy.ts';
import type { Features } from '../features.ts';
import type { Ratios } from '../mixup.ts';
import type { MultimodalModel } from '../model.ts';
import type { Gradients } from '../parameters.ts';
import type { Scalar } from '../tensorflow.ts';

export interface StepContext {
  /** From 0. */
  readonly epoch: number;
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
}

export interface Method {
  /** Overrides the configured fusion. */
  readonly fusion?: 'late';
  /** One step's loss. Runs inside the gradient tape, once a step. */
  readonly forward: (model: MultimodalModel, batch: Batch, context: StepContext) => ForwardPass;
  /**
   * Changes the gradients before the optimiser uses them; new tensors belong to the tidy around the call.
   *
   * @param rho discrepancy ratios of this batch
   */
  readonly adjustGradients?: (
    gradients: Gradients,
    rho: Readonly<PerModality>,
    context: StepContext,
  ) => AdjustedGradients;
  /** @param rho discrepancy ratios over the epoch's training clips */
  readonly onEpochEnd?: (rho: Readonly<PerModality>) => void;
  /** What the next epochs depend on, as JSON; kept in checkpoints. */
  readonly state?: { save(): unknown; restore(saved: unknown): void };
}

export type CreateMethod = (training: TrainingConfig, modalities: readonly Modality[]) => Method;
