/** Contracts between training, evaluation and report. */
import { z } from 'zod';
import { methodSchema } from './config/methods.ts';
import { pluginReferenceSchema } from './config/plugins.ts';
import { evaluationConfigSchema } from './config/evaluation-config.ts';
import { trainingConfigSchema } from './config/training-config.ts';
import { COMPUTING_ENGINES } from './config/engine.ts';
import { featureModalitySchema, modalitySchema } from './modality.ts';
import { stored } from './versions.ts';

/** `runs/<trainingId>/config.json`: everything a training's result depends on. */
export const trainingSpecSchema = z.strictObject({
  formatVersion: z.literal(1),
  /** `<run name>-<method>-s<seed>-<hash of the rest>`. */
  trainingId: z.string(),
  dataset: z.strictObject({ name: z.string(), version: z.string() }),
  modalities: z.array(modalitySchema).min(1),
  /** Of each set of features among the modalities, the length of its vectors; absent: there are none. */
  featureDims: z.partialRecord(featureModalitySchema, z.int().positive()).optional(),
  method: methodSchema,
  seed: z.int(),
  /** `methods` and `seeds` are narrowed to this training's own. */
  training: trainingConfigSchema,
  evaluation: evaluationConfigSchema,
  /** Those that bring something this training uses; absent: all is built in. */
  plugins: z.array(pluginReferenceSchema).min(1).optional(),
  /** Absent: from scratch, on the whole training split. */
  fineTune: z
    .strictObject({
      /** The training whose final weights this one starts from. */
      from: z.strictObject({ trainingId: z.string(), sha256: z.string() }),
      /** Of an epoch's clips, how many are not of the dataset's `snapshot.newShards`. */
      replayShare: z.number().min(0).max(0.95),
    })
    .optional(),
});
stored('config', trainingSpecSchema);
export type TrainingSpec = z.infer<typeof trainingSpecSchema>;

const perModality = z.partialRecord(modalitySchema, z.number());

/** Shares in 0…1; a branch counts only the clips that have its modality. */
export const splitAccuracySchema = z.strictObject({
  loss: z.number(),
  fused: z.number(),
  branches: perModality,
  /** Mean cross-entropies; absent in metrics of older versions. */
  branchLosses: perModality.optional(),
});

/** One line of `runs/<trainingId>/metrics.jsonl`, one an epoch. */
export const epochMetricsSchema = z.strictObject({
  /** From 1. */
  epoch: z.int(),
  /** Optimiser steps done in all. */
  step: z.int(),
  learningRate: z.number(),
  /** Mean of the loss the method minimised. */
  loss: z.number(),
  train: splitAccuracySchema,
  validation: splitAccuracySchema.optional(),
  test: splitAccuracySchema.optional(),
  /** Discrepancy ratio of each modality over the epoch (OGM-GE, eq. 8). */
  rho: perModality,
  /** Mean over the epoch's steps of the mixing ratio of each modality; absent when nothing is mixed. */
  lambda: perModality.optional(),
  /** Mean over the epoch's steps of OGM's gradient coefficient; absent for other methods. */
  coefficient: perModality.optional(),
  /** Wall seconds and clips a second: machine facts, not part of what must repeat. */
  seconds: z.number(),
  clipsPerS: z.number(),
  /** Of those seconds, the share in which steps waited for their batches; absent in metrics of older versions. */
  dataWaitShare: z.number().optional(),
  /** Most memory that the training's process has held until then; absent in metrics of older versions. */
  peakMemoryMiB: z.number().optional(),
});
stored('metrics', epochMetricsSchema);
export type EpochMetrics = z.infer<typeof epochMetricsSchema>;

export const scoresSchema = z.strictObject({
  samples: z.int(),
  accuracy: z.number(),
  macroF1: z.number(),
  /** Mean over classes of average precision (one against the rest). */
  meanAveragePrecision: z.number(),
  /** Expected calibration error, 15 equal-width bins. */
  expectedCalibrationError: z.number(),
});
export type Scores = z.infer<typeof scoresSchema>;

export const misclassifiedSchema = z.strictObject({
  clipId: z.string(),
  label: z.int(),
  predicted: z.int(),
  probability: z.number(),
  branchPredicted: z.partialRecord(modalitySchema, z.int()),
  /** JPEG of the clip's middle frame as a data URI; absent without a picture. */
  frame: z.string().optional(),
});

const temperatureScoresSchema = z.strictObject({
  expectedCalibrationError: z.number(),
  /** Nats a clip. */
  negativeLogLikelihood: z.number(),
});

/** `runs/<trainingId>/evaluation.json`. */
export const evaluationResultSchema = z.strictObject({
  formatVersion: z.literal(1),
  trainingId: z.string(),
  method: methodSchema,
  seed: z.int(),
  modalities: z.array(modalitySchema),
  classNames: z.array(z.string()),
  /** The split judged: always `test`. */
  split: z.literal('test'),
  epoch: z.int(),
  fused: scoresSchema,
  branches: z.partialRecord(modalitySchema, scoresSchema),
  /** Fused model with that modality masked. */
  dropped: z.partialRecord(modalitySchema, scoresSchema),
  /** Fused model with Gaussian noise on that modality. */
  noised: z.array(z.strictObject({ modality: modalitySchema, level: z.number(), scores: scoresSchema })),
  /** Fused model with that modality's pictures blurred, or its spectrogram masked; absent: not asked for. */
  blurred: z
    .array(z.strictObject({ modality: modalitySchema, level: z.number(), scores: scoresSchema }))
    .optional(),
  masked: z
    .array(z.strictObject({ modality: modalitySchema, level: z.number(), scores: scoresSchema }))
    .optional(),
  /**
   * A linear classifier (ridge regression) on each modality's frozen features, fitted on the training split; absent in
   * evaluations of older versions, or not asked for.
   */
  probes: z
    .partialRecord(
      modalitySchema,
      z.strictObject({
        /** Test clips that have the modality. */
        samples: z.int(),
        accuracy: z.number(),
        /** Of the regularisation. */
        strength: z.number(),
        chosenOn: z.enum(['validation', 'nothing']),
      }),
    )
    .optional(),
  /** The fused logits divided by one number; absent without a validation split, and in older evaluations. */
  temperature: z
    .strictObject({
      /** Of least negative log-likelihood on the validation split. */
      value: z.number(),
      validationClips: z.int(),
      /** On the test split, with the logits as they are and divided. */
      before: temperatureScoresSchema,
      after: temperatureScoresSchema,
    })
    .optional(),
  /** By class, in `classNames`' order, on the test split; absent in older evaluations, as what follows. */
  perClass: z
    .array(
      z.strictObject({
        /** Absent where no clip is named this class. */
        precision: z.number().optional(),
        /** Absent where no clip is of it. */
        recall: z.number().optional(),
        /** Absent where neither is. */
        f1: z.number().optional(),
        /** Test clips of the class. */
        clips: z.int(),
      }),
    )
    .optional(),
  /** Test clips by the dataset's groups, in order of first appearance; a clip without a group is one by itself. */
  groups: z
    .strictObject({
      clips: z.array(z.int()),
      /** Of them, those whose class the fused model names. */
      right: z.array(z.int()),
      /** Clips that the dataset gives a group. */
      grouped: z.int(),
    })
    .optional(),
  /** Rows: true class; columns: predicted. */
  confusion: z.array(z.array(z.int())),
  misclassified: z.array(misclassifiedSchema),
  /** Store paths of the Arrow files with `clip_id, label, predicted, z_<modality>…, z_fused`. */
  features: z.strictObject({ train: z.string(), test: z.string() }),
  /** Store path of the Arrow file with `clip_id, split, label, space, x, y`. */
  umap: z.string(),
});
stored('evaluation', evaluationResultSchema);
export type EvaluationResult = z.infer<typeof evaluationResultSchema>;

/** `runs/<trainingId>/result.json`, written last: the training is complete. */
export const trainingResultSchema = z.strictObject({
  formatVersion: z.literal(1),
  trainingId: z.string(),
  method: methodSchema,
  seed: z.int(),
  modalities: z.array(modalitySchema),
  classNames: z.array(z.string()),
  epochs: z.int(),
  /** Optimiser steps done in all. */
  steps: z.int(),
  /** Trainable numbers, without running statistics and optimiser state. */
  parameters: z.int(),
  /** Store path of the last epoch's weights and their hash: the same for an interrupted and a whole run. */
  model: z.strictObject({ path: z.string(), sha256: z.string() }),
  /** Store path of the checkpoint with the best score, the score, and the epoch it comes from. */
  best: z.strictObject({
    path: z.string(),
    epoch: z.int(),
    criterion: z.enum(['validation accuracy', 'training loss']),
    score: z.number(),
  }),
  last: epochMetricsSchema,
  /** Facts about the machine, for the report. */
  environment: z.strictObject({
    node: z.string(),
    tfjs: z.string(),
    tensorflow: z.string(),
    engine: z.enum(COMPUTING_ENGINES),
    /** Name of the GPU or the processor; absent in older results. */
    device: z.string().optional(),
    threads: z.int(),
    /** Largest resident memory of the process that ended the training; absent in older results. */
    peakMemoryMiB: z.number().optional(),
  }),
  /** What a person should know of how it came about: it went on on another machine, a damaged checkpoint was passed over. */
  notes: z.array(z.string()).optional(),
});
stored('result', trainingResultSchema);
export type TrainingResult = z.infer<typeof trainingResultSchema>;
