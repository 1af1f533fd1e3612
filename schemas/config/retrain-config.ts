/** The config's `stream.retrain` section: when a window closes, how the model is fine-tuned, what it must show. */
import { z } from 'zod';

const positive = z.number().positive();
const count = z.int().positive();
const share = z.number().min(0).max(1);
const gain = z.number().min(-1).max(1);

/** What a candidate must show before the registry's `current` moves to it. */
export const gateConfigSchema = z.strictObject({
  /** The score compared, of the fused model. */
  metric: z.enum(['accuracy', 'macroF1']).default('accuracy'),
  /** Candidate minus current on the whole held-out set, at least; 0: not worse. */
  minGain: gain.default(0),
  /**
   * Non-inferiority: with confidence 1 − `level` the candidate's held-out accuracy is at most so much below the current
   * model's. It takes clips to show that: each decision says how often an equally good candidate would pass. 1: not asked.
   */
  margin: share.default(0.02),
  /** Of the tests on held-out clips, one-sided: how often a candidate that is worse by `margin` may pass. */
  level: z.number().positive().max(0.5).default(0.05),
  /**
   * The same on the window's own held-out clips, when there are `minNewClips` of them: refused is a candidate that is
   * shown, at `level`, to be worse than that.
   */
  minNewGain: gain.default(-0.05),
  /** Fewer held-out clips of the window than this are not judged alone. */
  minNewClips: count.default(10),
  /** With fewer held-out clips nothing is promoted: they say too little. */
  minClips: count.default(20),
});
export type GateConfig = z.infer<typeof gateConfigSchema>;

/** The method and seed are the first of `training.methods` and `training.seeds`. */
export const retrainConfigSchema = z.strictObject({
  /** The model's name in the registry; absent: the run's. */
  model: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/u, 'use lower-case letters, digits, ".", "_" and "-", at most 63')
    .optional(),
  /** A window closes when either is reached, or when asked to; never while it is empty. */
  window: z
    .strictObject({
      /** New clips, at least: a window ends with a publication of the sink. */
      clips: count.default(1_000),
      /** Since the window's first new clip. */
      minutes: positive.default(60),
    })
    .prefault({}),
  /** How the current model is trained further. */
  fineTune: z
    .strictObject({
      /** Passes over the window's clips and as many old ones as `replayShare` says. */
      epochs: count.default(5),
      /** Absent: a tenth of `training.optimizer.learningRate`. */
      learningRate: positive.optional(),
      /** Of an epoch's clips, how many are old ones, drawn anew each epoch. */
      replayShare: z.number().min(0).max(0.95).default(0.5),
    })
    .prefault({}),
  /** What the new model must show before it becomes the current one. */
  gate: gateConfigSchema.prefault({}),
});
export type RetrainConfig = z.infer<typeof retrainConfigSchema>;
