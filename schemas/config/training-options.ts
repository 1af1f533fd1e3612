/**
 * Options of training that a method does not decide: loss, sampling, updates, averaging, stopping. Each is off when it
 * is absent, and then leaves a training's identity alone. What they do together: docs/training.md.
 */
import { z } from 'zod';
import { modalitySchema, type Modality } from '../modality.ts';
import type { MethodName } from './methods.ts';

const positive = z.number().positive();
const count = z.int().positive();

/** Up to this step the rate is multiplied by (steps done + 1) / warmupSteps; 0: no warm-up. */
export const warmupSteps = z.int().min(0).optional();

export const trainingOptions = {
  /**
   * Before each update, gradients whose length over all parameters together (2-norm) exceeds this are scaled down to
   * it (PyTorch's `clip_grad_norm_`). Usual: 1 to 10.
   */
  clipNorm: positive.optional(),
  /** Batches whose gradients are averaged to one update; normalisation still sees one batch at a time. */
  accumulateSteps: count.optional(),
  /** ε: targets become (1 − ε) ỹ + ε / classes, also mixed ones. Usual: 0.1. */
  labelSmoothing: z.number().min(0).lt(1).optional(),
  /**
   * What each class counts in the loss: `balanced` by one over its training clips, or a number for each class, in the
   * order of the dataset's classes; scaled so that the mean over the training clips is 1.
   */
  classWeights: z.union([z.literal('balanced'), z.array(z.number().min(0)).min(2)]).optional(),
  /** `balanced`: an epoch draws as many clips as there are, with replacement, each class as often. Absent: each once. */
  sampling: z.literal('balanced').optional(),
  /** An exponential moving average of the weights and running statistics is what is judged, saved and served. */
  ema: z
    .strictObject({
      /** Share of the old average after each update; 1 / (1 − decay) updates is what it looks back on. */
      decay: z.number().gt(0).lt(1).default(0.998),
      /** Smaller at first, min(decay, (1 + t) / (10 + t)) after t updates, so that initial weights are soon forgotten. */
      rampUp: z.boolean().default(true),
    })
    .optional(),
  /** Ends a training whose validation split gets no better. */
  earlyStopping: z
    .strictObject({
      /** Epochs without a new best, after which it ends. */
      patience: count,
      /** Of the fused model on the validation split. */
      monitor: z.enum(['loss', 'accuracy']).default('loss'),
      /** A new best is better than the old one by more than this. */
      minDelta: z.number().min(0).default(0),
    })
    .optional(),
  /** false: biases and the scales and offsets of normalisation (parameters with one axis) have no weight decay. */
  decayNorms: z.boolean().optional(),
  /** The encoders' learning rate is this many times the one of fusion and heads. Usual for pretrained ones: 0.1. */
  encoderLearningRateScale: positive.optional(),
  /**
   * Of `features:<name>`: its standardised vectors go through a layer of `hidden` units and one of the size that the other
   * encoders' features have, each linear, normalised by batch and a relu. Absent: as many hidden units as that; 0: one layer.
   */
  featureEncoder: z
    .strictObject({
      /** Of the layer between; 0: there is none. */
      hidden: z.int().min(0),
    })
    .optional(),
  /** Encoders that stay as they are: no gradient, no update, normalised by their running statistics. */
  freeze: z.array(modalitySchema).min(1).optional(),
  /** false: training does not open the test split, whose curve is then missing; a search trains so. */
  watchTest: z.literal(false).optional(),
};
export type TrainingOptions = z.infer<z.ZodObject<typeof trainingOptions>>;

export interface OptionProblem {
  /** Below `training`. */
  readonly path: readonly string[];
  readonly message: string;
}

interface OptionTarget {
  readonly methods: readonly MethodName[];
  readonly modalities: readonly Modality[];
  /** Share of the training list that is set aside for validation. */
  readonly validationShare: number;
  readonly optimizer: { readonly name: string };
  readonly schedule: { readonly warmupSteps?: number | undefined; readonly warmupEpochs?: number };
}

/** Options that exclude one another, or what is asked for beside them. */
export function optionProblems(options: TrainingOptions, target: OptionTarget): OptionProblem[] {
  const problems: OptionProblem[] = [];
  const add = (path: string[], message: string) => problems.push({ path, message });
  const { schedule, methods, modalities, optimizer, validationShare } = target;
  if (options.classWeights !== undefined && options.sampling === 'balanced') {
    add(['classWeights'], 'with sampling balanced it counts twice: leave one of the two out');
  }
  if ((schedule.warmupSteps ?? 0) > 0 && (schedule.warmupEpochs ?? 0) > 0) {
    add(['schedule', 'warmupSteps'], 'warmupEpochs warms up too: leave one of the two out');
  }
  if ((options.accumulateSteps ?? 1) > 1 && methods.includes('mla')) {
    add(['accumulateSteps'], 'mla updates after each modality of each batch: leave it out, or mla');
  }
  const slowed = methods.filter((method) => method === 'ogm' || method === 'ogm-ge');
  if ((options.accumulateSteps ?? 1) > 1 && slowed.length > 0 && optimizer.name !== 'sgd') {
    const why = `${slowed[0]!} slows each batch's own step, which ${optimizer.name} makes of several`;
    add(['accumulateSteps'], `${why}: leave it out, or use the optimiser sgd`);
  }
  if (options.earlyStopping !== undefined && validationShare === 0) {
    add(['earlyStopping'], 'it needs a validation split, and dataset.validationShare is 0');
  }
  const unknown = (options.freeze ?? []).filter((modality) => !modalities.includes(modality));
  if (unknown.length > 0) {
    add(['freeze'], `extraction.modalities has no ${unknown.join(' and no ')}`);
  }
  return problems;
}
