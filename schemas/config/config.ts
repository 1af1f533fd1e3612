/**
 * The run's config: one YAML file, every field with its default, units in the names.
 * The static types follow from the schema; `parseConfig` turns a bad file into one message a field.
 */
import { z } from 'zod';
import { ENGINES, type Engine } from './engine.ts';
import { encoderConfigSchema } from './encoder-config.ts';
import { fusionSchema, methodProblem, methodSchema, methodSettings, type MethodTarget } from './methods.ts';
import { modalitySchema } from '../modality.ts';
import { streamConfigSchema } from './stream-config.ts';

export { FUSIONS, METHODS, methodSchema, type FusionName, type MethodName } from './methods.ts';

const share = z.number().min(0).max(1);
const positive = z.number().positive();
const count = z.int().positive();

export const nameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/u, 'use lower-case letters, digits, ".", "_" and "-", at most 63');

/** Fields every dataset format has. */
const datasetBase = {
  /** Share of the training list set aside for validation, by hash of the clip's group (or id). */
  validationShare: share.default(0.1),
};

export const datasetConfigSchema = z.discriminatedUnion('format', [
  /** `root/<class>/**` (split by hash) or `root/{train,test}/<class>/**`. */
  z.strictObject({
    format: z.literal('folder'),
    ...datasetBase,
    root: z.string(),
    testShare: share.default(0.2),
    /** Fixes the classes and their order; absent: the folders' names, sorted. */
    classes: z.array(z.string()).min(2).optional(),
  }),
  /** A table with a header: `path,label[,split][,id][,group][,start][,end][,audio_path]`. */
  z.strictObject({
    format: z.literal('csv'),
    ...datasetBase,
    file: z.string(),
    /** Paths in the table are relative to this folder; absent: the table's own. */
    root: z.string().optional(),
    testShare: share.default(0.2),
    classes: z.array(z.string()).min(2).optional(),
  }),
  z.strictObject({
    format: z.literal('crema-d'),
    ...datasetBase,
    /** Holds `VideoFlash` and `AudioWAV`. */
    root: z.string(),
    /** `train.csv` and `test.csv` (`id,LABEL`); needed for `split: lists`. */
    trainList: z.string().optional(),
    testList: z.string().optional(),
    /** `lists`: the field's split, all speakers in both; `speakers`: no speaker in two splits. */
    split: z.enum(['lists', 'speakers']).default('lists'),
    testShare: share.default(0.1),
  }),
  z.strictObject({
    format: z.literal('kinetics-sounds'),
    ...datasetBase,
    root: z.string(),
    trainList: z.string(),
    testList: z.string(),
    /** Names of the classes by index, one a line; absent: the labels as the lists give them. */
    classList: z.string().optional(),
  }),
  z.strictObject({
    format: z.literal('ucf-101'),
    ...datasetBase,
    /** Holds `UCF-101` and `ucfTrainTestlist`. */
    root: z.string(),
    splitNumber: z.union([z.literal(1), z.literal(2), z.literal(3)]).default(1),
  }),
  /** The embedded data: spoken and drawn digits, made by ffmpeg under `root` when missing. */
  z.strictObject({
    format: z.literal('digits'),
    ...datasetBase,
    root: z.string(),
    seed: z.int().nonnegative().default(0),
    trainClips: count.default(240),
    testClips: count.default(120),
    /** How informative each modality is: 1 is clean, 0 is noise only. */
    audioClarity: share.default(0.7),
    videoClarity: share.default(0.7),
  }),
]);
export type DatasetConfig = z.infer<typeof datasetConfigSchema>;

export const extractionConfigSchema = z.strictObject({
  modalities: z.array(modalitySchema).min(1).default(['audio', 'rgb']),
  audio: z
    .strictObject({
      sampleRateHz: count.default(22_050),
      nFft: z
        .int()
        .min(64)
        .refine((n) => (n & (n - 1)) === 0, 'must be a power of two')
        .default(512),
      hop: count.default(353),
      durationS: positive.default(3),
      /** What fills a clip shorter than `durationS`: its own repetition, or silence. */
      fit: z.enum(['tile', 'pad']).default('tile'),
      storage: z.enum(['float16', 'float32']).default('float32'),
    })
    .prefault({}),
  video: z
    .strictObject({
      /** Sampled frames a second, from the clip's start. */
      fps: positive.default(1),
      frames: count.default(3),
      /** Shorter side in pixels; the longer keeps the aspect, rounded down (torchvision's rule). */
      shortSide: count.default(256),
    })
    .prefault({}),
  flow: z
    .strictObject({
      /** Displacements are clipped to ± this many pixels and stored as 0…255 (128 is still). */
      boundPx: positive.default(20),
    })
    .prefault({}),
  shard: z.strictObject({ targetMiB: positive.default(96) }).prefault({}),
  limits: z
    .strictObject({
      clipTimeoutS: positive.default(120),
      clipMaxMiB: positive.default(4096),
    })
    .prefault({}),
});
export type ExtractionConfig = z.infer<typeof extractionConfigSchema>;

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
      z.strictObject({ name: z.literal('constant') }),
      z.strictObject({
        name: z.literal('step'),
        stepEpochs: count.default(70),
        gamma: positive.default(0.1),
      }),
      z.strictObject({ name: z.literal('cosine'), warmupEpochs: z.int().min(0).default(0) }),
    ])
    .prefault({ name: 'step' }),
  precision: precisionSchema.default('float32'),
  /** What trains; absent: what `MODALMIX_ENGINE` says. Which one it is, is no part of what a training is. */
  engine: z.enum(ENGINES).optional(),
  /** Square crop side in pixels: random resized crop and flip in training, centre crop in testing. */
  cropPx: count.default(224),
  augment: z
    .strictObject({
      cropMinScale: share.default(0.08),
      /** Off for data where mirroring changes the meaning (digits, text). */
      flip: z.boolean().default(true),
    })
    .prefault({}),
  ...methodSettings,
  data: trainingDataSchema.optional(),
  checkpoint: z.strictObject({ everySteps: count.default(200), keepLast: count.default(3) }).prefault({}),
  /** Threads TensorFlow may use; results are bit-identical for the same number. */
  threads: count.optional(),
});
export type TrainingConfig = z.infer<typeof trainingConfigSchema>;

export const evaluationConfigSchema = z.strictObject({
  /** The weights judged: the last epoch's, or the best on the validation split. */
  weights: z.enum(['last', 'best']).default('last'),
  batchSize: count.default(64),
  /** Deviation of the Gaussian noise added to one normalised modality at a time. */
  noiseLevels: z.array(positive).default([0.5, 1, 2]),
  /** Deviations in pixels, of the size the encoder sees, of the Gaussian blur of pictures. */
  blurSigmas: z.array(positive).optional(),
  /** Shares of an audio spectrogram's frequencies and of its times that are masked by a band each. */
  maskShares: z.array(z.number().gt(0).lt(1)).optional(),
  umap: z
    .strictObject({
      neighbors: count.default(15),
      minDist: z.number().min(0).default(0.1),
      maxPoints: count.default(2_000),
    })
    .prefault({}),
  /** Misclassified clips shown in the report. */
  examples: z.int().min(0).default(12),
});
export type EvaluationConfig = z.infer<typeof evaluationConfigSchema>;

const runConfigFields = z.strictObject({
  name: nameSchema,
  /** `file:<folder>` (relative ones start at the config file's folder) or `s3://<bucket>/<prefix>`. */
  store: z.string().default('file:.modalmix/store'),
  dataset: datasetConfigSchema,
  extraction: extractionConfigSchema.prefault({}),
  training: trainingConfigSchema.prefault({}),
  evaluation: evaluationConfigSchema.prefault({}),
  /** Absent: this config is about files only; streaming then uses the defaults. */
  stream: streamConfigSchema.optional(),
});

/** The fields, and that each method can be trained on the modalities and the fusion that are asked for. */
export const runConfigSchema = runConfigFields.superRefine((config, context) => {
  const target = methodTargetOf(config);
  for (const [at, method] of config.training.methods.entries()) {
    const message = methodProblem(method, target);
    if (message !== undefined)
      context.addIssue({ code: 'custom', path: ['training', 'methods', at], message });
  }
  const problem = precisionProblem(config.training.precision, config.training.engine);
  if (problem !== undefined)
    context.addIssue({ code: 'custom', path: ['training', 'precision'], message: problem });
});
export type RunConfig = z.infer<typeof runConfigSchema>;

/** What of a run decides whether a method can be trained. */
export function methodTargetOf({
  dataset,
  extraction,
  training,
}: Pick<z.output<typeof runConfigFields>, 'dataset' | 'extraction' | 'training'>): MethodTarget {
  return {
    modalities: extraction.modalities,
    fusion: training.fusion,
    validationShare: dataset.validationShare,
    rhoFrom: training.balance.rhoFrom,
  };
}
