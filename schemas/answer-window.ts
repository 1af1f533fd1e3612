/** Contract of what is told of answers, window by window. */
import { z } from 'zod';
import { stored } from './versions.ts';

export const ALARM_KINDS = ['classes', 'calibration', 'distance'] as const;
export type AlarmKind = (typeof ALARM_KINDS)[number];

const shares = z.record(z.string(), z.number().min(0).max(1));

/** `models/<name>/answers/<number>.json`: created once, by a worker whose window is full. */
export const answerWindowSchema = z.strictObject({
  formatVersion: z.literal(1),
  model: z.string(),
  /** From 1, over all workers. */
  number: z.int().positive(),
  version: z.int().positive(),
  /** `answeredAt` of its first and last answer. */
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  answers: z.int().positive(),
  /** Mean of the highest fused probability. */
  confidence: z.number(),
  /** Mean of the answers' scores. */
  entropy: z.number(),
  /** Mean over the training clips' own mean: 1 is as near as they are to one another; absent: not measured. */
  distanceFactor: z.number().optional(),
  /** Of the classes that were answered, and of the version's training clips. */
  classShares: shares,
  trainingShares: shares,
  /** ½ Σ |p − q| of the two. */
  classDistance: z.number(),
  /** Of the answers whose events named a label. */
  labelled: z.strictObject({
    answers: z.int().nonnegative(),
    accuracy: z.number().optional(),
    /** Over 10 bins of confidence: Σ share of the bin · |accuracy − mean confidence| (Naeini et al., AAAI 2015). */
    calibrationError: z.number().optional(),
  }),
  alarms: z.array(
    z.strictObject({
      kind: z.enum(ALARM_KINDS),
      value: z.number(),
      limit: z.number(),
      /** For a person. */
      message: z.string(),
    }),
  ),
});
stored('answer-window', answerWindowSchema);
export type AnswerWindow = z.infer<typeof answerWindowSchema>;
