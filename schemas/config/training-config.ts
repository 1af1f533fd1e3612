/** `training` of the config: how a model is trained. */
import { z } from 'zod';
import { entriesOf, modalitySchema } from '../modality.ts';
import { encoderConfigSchema } from './encoder-config.ts';
import { ENGINES, type Engine } from './engine.ts';
import { pluginNameSchema } from './plugins.ts';
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
        (shares) => entriesOf(shares).reduce((sum, [, one]) => sum + one, 0) <= 1,
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
        /** The ratio is drawn uniformly between these two; the lower comes first. */
        snrDb: z
          .tuple([z.number().min(-60).max(120), z.number().min(-60).max(120)])
          .refine(([low, high]) => low <= high, 'the lower comes first'),
      })
      .optional(),
    /** SpecAugment: bands of frequencies set to the mean, each of 0 to `largest` bins. */
    frequencyMasks: z
      .strictObject({
        /** Bands of a clip. */
        count: count.default(1),
        /** Widest band. */
        largest: count,
      })
      .optional(),
    /** The same of times; `share` of all times is the most a mask may cover, where that is less than `largest`. */
    timeMasks: z
      .strictObject({
        /** Bands of a clip. */
        count: count.default(1),
        /** Longest band. */
        largest: count,
        /** Of all times, the most that a band may cover. */
        share: z.number().gt(0).max(1).default(1),
      })
      .optional(),
  })
  .refine(
    (augment) => Object.values(augment).some((value) => value !== undefined),
    'it changes nothing: leave it out',
  );

/** Colour jitter of `rgb` as torchvision's ColorJitter, one draw for all frames of a clip. Each is off unless named. */
export const colourAugmentSchema = z
  .strictObject({
    /** A factor uniform in [max(0, 1 − x), 1 + x]. */
    brightness: positive.optional(),
    /** A factor uniform in [max(0, 1 − x), 1 + x], of contrast. */
    contrast: positive.optional(),
    /** A factor uniform in [max(0, 1 − x), 1 + x], of saturation. */
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

const optimizerSchema = z.union([
  z.discriminatedUnion('name', [
    z.strictObject({
      /** SGD with momentum. */
      name: z.literal('sgd'),
      /** Before the schedule changes it. */
      learningRate: positive.default(1e-3),
      /** Share of the last step that is kept. */
      momentum: share.default(0.9),
      /** Times the weights, added to the gradient. */
      weightDecay: z.number().min(0).default(1e-4),
    }),
    z.strictObject({
      /** Adam, or AdamW, whose weight decay is apart from the gradient. */
      name: z.enum(['adam', 'adamw']),
      /** Before the schedule changes it. */
      learningRate: positive.default(1e-3),
      /** Share kept of the mean of gradients. */
      beta1: share.default(0.9),
      /** Share kept of the mean of squared gradients. */
      beta2: share.default(0.999),
      /** Added to the root, so that nothing is divided by 0. */
      epsilon: positive.default(1e-8),
      /** Times the weights: added to the gradient (adam), or to the step (adamw). */
      weightDecay: z.number().min(0).default(0),
    }),
  ]),
  z.strictObject({
    /** One that a plug-in brings; what else it has are the plug-in's settings. */
    name: pluginNameSchema,
    /** Before the schedule changes it. */
    learningRate: positive.default(1e-3),
    /** Given to the plug-in. */
    weightDecay: z.number().min(0).default(0),
  }),
]);

export const trainingConfigSchema = z.strictObject({
  /** Trained one after the other; the report compares them. */
  methods: z.array(methodSchema).min(1).default(['b-mm']),
  /**
   * Each method is trained once with each: initial weights, order of clips and every other draw follow from it.
   */
  seeds: z.array(z.int().nonnegative()).min(1).default([0]),
  /** Passes over the training split. */
  epochs: count.default(100),
  /** Clips of a step; a last batch of one clip is left out. */
  batchSize: count.min(2).default(64),
  /** The network that turns a modality into a feature, one of its own for each. */
  encoder: encoderConfigSchema.prefault({}),
  /** How the features become one: side by side, summed, one scaling the other (FiLM), or gated. */
  fusion: fusionSchema.default('concat'),
  /** What updates the weights, as PyTorch defines it. */
  optimizer: optimizerSchema.prefault({ name: 'sgd' }),
  /** How the learning rate changes over the training. */
  schedule: z
    .discriminatedUnion('name', [
      z.strictObject({
        /** The rate stays as it is. */
        name: z.literal('constant'),
        warmupSteps,
      }),
      z.strictObject({
        /** The rate is multiplied by `gamma` every `stepEpochs`. */
        name: z.literal('step'),
        /** From one step to the next. */
        stepEpochs: count.default(70),
        /** What each step multiplies the rate by. */
        gamma: positive.default(0.1),
        warmupSteps,
      }),
      z.strictObject({
        /** The rate falls to 0 along half a cosine. */
        name: z.literal('cosine'),
        /** The rate rises over these first; the cosine begins after them. */
        warmupEpochs: z.int().min(0).default(0),
        warmupSteps,
      }),
    ])
    .prefault({ name: 'step' }),
  ...trainingOptions,
  /** What encoders store what their layers hand on as: `bfloat16` halves it, at some cost in exactness. */
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
  /** What is done to training clips, drawn anew for each epoch. */
  augment: z
    .strictObject({
      /**
       * `crop`: a random part of the picture (torchvision's RandomResizedCrop). `whole`: the whole picture resized to
       * the square, as BalanceBenchmark trains on UCF-101; `cropMinScale` then means nothing.
       */
      view: z.enum(['crop', 'whole']).default('crop'),
      /** Least share of the picture that a crop shows. */
      cropMinScale: share.default(0.08),
      /** Off for data where mirroring changes the meaning (digits, text). */
      flip: z.boolean().default(true),
      /** What is done to their sound. */
      audio: soundAugmentSchema.optional(),
      /** What is done to the colours of `rgb`. */
      colour: colourAugmentSchema.optional(),
    })
    .prefault({}),
  ...methodSettings,
  /** What is done to the training split first: few or wrong labels, imbalance, missing modalities. */
  data: trainingDataSchema.optional(),
  /** When a training's state is written, to go on from after an interruption: to the same weights, bit by bit. */
  checkpoint: z
    .strictObject({
      /** Updates from one to the next. */
      everySteps: count.default(200),
      /** Older ones are deleted. */
      keepLast: count.default(3),
    })
    .prefault({}),
  /** Threads TensorFlow may use; results are bit-identical for the same number. */
  threads: count.optional(),
});
export type TrainingConfig = z.infer<typeof trainingConfigSchema>;
