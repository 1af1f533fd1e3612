/** `training` of the config: how a model is trained. */
import { z } from 'zod';
import { modalitySchema } from '../modality.ts';
import { encoderConfigSchema } from './encoder-config.ts';
import { ENGINES, type Engine } from './engine.ts';
import { fusionSchema, methodSchema, methodSettings } from './methods.ts';
import { trainingOptions, warmupSteps } from './training-options.ts';

const share = z.number().min(0).max(1);
const positive = z.number().positive();
const count = z.int().positive();

/**
 * What is done to the training split before it is trained on, to ask how a method stands it. Validation and test
 * split are never touched; what is done to a clip follows from the seed and the clip's id.
 */
export const trainingDataSchema = z
  .strictObject({
    /** Few labels: the share of each class's clips that is kept, at least one. */
    keepShare: z.number().gt(0).max(1).optional(),
    /**
     * Class imbalance: the first class keeps its clips, class k of K at most factor^(−k / (K − 1)) times as many as
     * the largest has, at least one (Cui et al., CVPR 2019).
     */
    longTailFactor: z.number().min(1).optional(),
    /** Share of the kept clips whose label is another one, uniformly drawn. */
    labelNoise: share.optional(),
    /** Share of the kept, complete clips that lose that modality; no clip loses two. */
    missing: z
      .partialRecord(modalitySchema, share)
      .refine(
        (shares) => Object.values(shares).reduce((sum, one) => sum + one, 0) <= 1,
        'the shares must add up to 1 at most',
      )
      .optional(),
  })
  .refine(
    (data) => Object.values(data).some((value) => value !== undefined),
    'it changes nothing: leave it out',
  );
export type TrainingData = z.infer<typeof trainingDataSchema>;

/**
 * What is done to the sound of training clips, drawn anew for each clip and epoch (`pipelines/training/data/vary-sound.ts`
 * says what exactly). Each is off unless named.
 */
export const soundAugmentSchema = z
  .strictObject({
    /** A gain uniform in ± this many dB. */
    gainDb: positive.max(60).optional(),
    /** White Gaussian noise, a signal-to-noise ratio uniform between the two, in dB. */
    noise: z
      .strictObject({
        snrDb: z
          .tuple([z.number().min(-60).max(120), z.number().min(-60).max(120)])
          .refine(([low, high]) => low <= high, 'the lower comes first'),
      })
      .optional(),
    /** SpecAugment: bands of frequencies set to the mean, each of 0 to `largest` bins. */
    frequencyMasks: z.strictObject({ count: count.default(1), largest: count }).optional(),
    /** The same of times; `share` of all times is the most a mask may cover, where that is less than `largest`. */
    timeMasks: z
      .strictObject({ count: count.default(1), largest: count, share: z.number().gt(0).max(1).default(1) })
      .optional(),
  })
  .refine(
    (augment) => Object.values(augment).some((value) => value !== undefined),
    'it changes nothing: leave it out',
  );

/** Colour jitter of `rgb` as torchvision's ColorJitter, one draw for all frames of a clip. Each is off unless named. */
export const colourAugmentSchema = z
  .strictObject({
    /** A factor uniform in [max(0, 1 − x), 1 + x]; likewise of the next two. */
    brightness: positive.optional(),
    contrast: positive.optional(),
    saturation: positive.optional(),
    /** A turn uniform in ± x of the circle of hues. */
    hue: positive.max(0.5).optional(),
  })
  .refine(
    (augment) => Object.values(augment).some((value) => value !== undefined),
    'it changes nothing: leave it out',
  );

/**
 * What encoders store what their layers hand on, and its gradients, as; weights, sums, statistics, fusion and loss are
 * float32 either way.
 */
export const precisionSchema = z.enum(['float32', 'bfloat16']);
export type Precision = z.infer<typeof precisionSchema>;

/** Why an engine cannot train with a precision; undefined when it can. */
export function precisionProblem(precision: Precision, engine: Engine | undefined): string | undefined {
  if (precision === 'float32' || engine !== 'webgpu') return undefined;
  return 'the engine webgpu computes in float32 only: leave precision out, or choose the engine cpu or gpu';
}

export const trainingConfigSchema = z.strictObject({
  /** Trained one after the other; the report compares them. */
  methods: z.array(methodSchema).min(1).default(['b-mm']),
  seeds: z.array(z.int().nonnegative()).min(1).default([0]),
  epochs: count.default(100),
  batchSize: count.min(2).default(64),
  encoder: encoderConfigSchema.prefault({}),
  fusion: fusionSchema.default('concat'),
  optimizer: z
    .discriminatedUnion('name', [
      z.strictObject({
        name: z.literal('sgd'),
        learningRate: positive.default(1e-3),
        momentum: share.default(0.9),
        weightDecay: z.number().min(0).default(1e-4),
      }),
      z.strictObject({
        name: z.enum(['adam', 'adamw']),
        learningRate: positive.default(1e-3),
        beta1: share.default(0.9),
        beta2: share.default(0.999),
        epsilon: positive.default(1e-8),
        weightDecay: z.number().min(0).default(0),
      }),
    ])
    .prefault({ name: 'sgd' }),
  schedule: z
    .discriminatedUnion('name', [
      z.strictObject({ name: z.literal('constant'), warmupSteps }),
      z.strictObject({
        name: z.literal('step'),
        stepEpochs: count.default(70),
        gamma: positive.default(0.1),
        warmupSteps,
      }),
      z.strictObject({ name: z.literal('cosine'), warmupEpochs: z.int().min(0).default(0), warmupSteps }),
    ])
    .prefault({ name: 'step' }),
  ...trainingOptions,
  precision: precisionSchema.default('float32'),
  /** What trains; absent: what `MODALMIX_ENGINE` says. Which one it is, is no part of what a training is. */
  engine: z.enum(ENGINES).optional(),
  /** Side in pixels of the square that encoders see: `augment` says what of a picture is on it in training. */
  cropPx: count.default(224),
  /**
   * What is on it in validation, testing and prediction: `centre`, the square of `cropPx` pixels in the middle, which
   * of a 4:3 picture 256 high shows 57 % at 224; or `whole`, the whole picture resized to the square, whatever its
   * proportions, as OGM-GE and BalanceBenchmark test.
   */
  testView: z.enum(['centre', 'whole']).default('centre'),
  augment: z
    .strictObject({
      /**
       * `crop`: a random part of the picture (torchvision's RandomResizedCrop). `whole`: the whole picture resized to
       * the square, as BalanceBenchmark trains on UCF-101; `cropMinScale` then means nothing.
       */
      view: z.enum(['crop', 'whole']).default('crop'),
      cropMinScale: share.default(0.08),
      /** Off for data where mirroring changes the meaning (digits, text). */
      flip: z.boolean().default(true),
      audio: soundAugmentSchema.optional(),
      colour: colourAugmentSchema.optional(),
    })
    .prefault({}),
  ...methodSettings,
  data: trainingDataSchema.optional(),
  checkpoint: z.strictObject({ everySteps: count.default(200), keepLast: count.default(3) }).prefault({}),
  /** Threads TensorFlow may use; results are bit-identical for the same number. */
  threads: count.optional(),
});
export type TrainingConfig = z.infer<typeof trainingConfigSchema>;
