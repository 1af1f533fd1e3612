/** Contracts of retraining and of the model registry: windows, comparisons, drift, versions and moves. */
import { z } from 'zod';
import { methodSchema } from './config/methods.ts';
import { modalitySchema } from './modality.ts';
import { gateConfigSchema } from './config/retrain-config.ts';
import { streamCountsSchema } from './stream.ts';
import { scoresSchema } from './training.ts';
import { stored } from './versions.ts';

const position = z.strictObject({
  generation: z.int().nonnegative(),
  counts: streamCountsSchema,
  /** How many shards the stream had; absent in windows of before there was this field. */
  shards: z.int().nonnegative().optional(),
});

/** `models/<name>/windows/<number>.json`: created once when the window closes. */
export const retrainWindowSchema = z.strictObject({
  formatVersion: z.literal(1),
  model: z.string(),
  /** From 1, without gaps. */
  number: z.int().positive(),
  reason: z.enum(['clips', 'time', 'asked']),
  openedAt: z.iso.datetime(),
  closedAt: z.iso.datetime(),
  dataset: z.string(),
  extractionKey: z.string(),
  /** The stream's manifest where the window before ended, and where this one did. */
  from: position,
  to: position,
  /** Stream shards published in between: paths as the stream's manifest names them. */
  newShards: z.array(z.string()),
  /** Rows of `newShards` that count (not superseded at the closing). */
  newClips: z.int().nonnegative(),
  /** Store path of the copy of the stream's manifest as it was at the closing. */
  manifest: z.string(),
});
stored('window', retrainWindowSchema);
export type RetrainWindow = z.infer<typeof retrainWindowSchema>;

/** `models/<name>/windows/<number>.opened.json` */
export const windowOpeningSchema = z.strictObject({ openedAt: z.iso.datetime() });
stored('window-opening', windowOpeningSchema);

/** `models/<name>/windows/<number>.start.json`: fixed once, so that a retry works on the same things. */
export const windowStartSchema = z.strictObject({
  dataset: z.strictObject({ name: z.string(), version: z.string() }),
  /** The version of the model that the candidate is fine-tuned from. */
  parent: z.int().positive(),
  /** Rows to train on that came with the window; 0: nothing is trained. */
  newTrainClips: z.int().nonnegative(),
});
stored('window-start', windowStartSchema);
export type WindowStart = z.infer<typeof windowStartSchema>;

/** `models/<name>/windows/<number>.outcome.json` */
export const windowOutcomeSchema = z.strictObject({
  formatVersion: z.literal(1),
  model: z.string(),
  window: z.int().positive(),
  finishedAt: z.iso.datetime(),
  /** The version that came out; absent when none of the window's clips is to be trained on. */
  version: z.int().positive().optional(),
  promoted: z.boolean(),
  /** For a person. */
  note: z.string(),
});
stored('window-outcome', windowOutcomeSchema);
export type WindowOutcome = z.infer<typeof windowOutcomeSchema>;

const judged = z.strictObject({
  candidate: scoresSchema,
  /** Absent when there was no model yet. */
  current: scoresSchema.optional(),
  /** Clips that one of the two alone has right; absent with `current`, and in records of before there was this field. */
  alone: z.strictObject({ candidate: z.int().nonnegative(), current: z.int().nonnegative() }).optional(),
});

/** Both models on the same clips: the snapshot's test split, and those of it that came with the window. */
export const modelComparisonSchema = z.strictObject({
  heldOut: judged,
  /** Absent when none of the window's clips is in the test split. */
  newData: judged.optional(),
});
export type ModelComparison = z.infer<typeof modelComparisonSchema>;

const perModality = z.partialRecord(modalitySchema, z.number());

/** How a window's clips differ from the snapshot's other ones; the features are those of the current model. */
export const driftSchema = z.strictObject({
  /** Clips of each class, by the manifest's order of classes. */
  classCounts: z.strictObject({ old: z.array(z.int()), new: z.array(z.int()) }),
  /** Total variation distance of the class shares, 0…1. */
  classDistance: z.number(),
  /** Per channel, in the units of the manifest's normalisation; shift = max over channels of |Δmean| / old deviation. */
  inputs: z.partialRecord(
    modalitySchema,
    z.strictObject({ old: z.array(z.number()), new: z.array(z.number()), shift: z.number() }),
  ),
  /** ‖mean z_new − mean z_old‖ / √(Σ_d var(z_old)), dimensionless. */
  featureShift: perModality,
  /** Discrepancy ratio (OGM-GE, eq. 8). */
  rho: z.strictObject({ old: perModality, new: perModality }),
});
export type Drift = z.infer<typeof driftSchema>;

/** `models/<name>/windows/<number>.against-<version>.json` */
export const windowComparisonSchema = z.strictObject({
  comparison: modelComparisonSchema,
  drift: driftSchema,
});
stored('comparison', windowComparisonSchema);
export type WindowComparison = z.infer<typeof windowComparisonSchema>;

/** What the gate said, and why, one sentence a condition. */
export const gateDecisionSchema = z.strictObject({
  promoted: z.boolean(),
  reasons: z.array(z.string()),
  /** As it was; in records of before there were paired tests without what they ask. */
  gate: z.strictObject({
    ...gateConfigSchema.shape,
    margin: gateConfigSchema.shape.margin.unwrap().optional(),
    level: gateConfigSchema.shape.level.unwrap().optional(),
  }),
});
export type GateDecision = z.infer<typeof gateDecisionSchema>;

/** `models/<name>/versions/<version>.json`: created once, never changed. */
export const modelVersionSchema = z.strictObject({
  formatVersion: z.literal(1),
  model: z.string(),
  /** From 1, without gaps. */
  version: z.int().positive(),
  trainingId: z.string(),
  method: methodSchema,
  seed: z.int(),
  modalities: z.array(modalitySchema),
  classNames: z.array(z.string()),
  /** What it was trained on last. */
  dataset: z.strictObject({ name: z.string(), version: z.string() }),
  weights: z.strictObject({ path: z.string(), sha256: z.string() }),
  createdAt: z.iso.datetime(),
  /** The version it was fine-tuned from; absent for one trained from scratch. */
  parent: z.int().positive().optional(),
  /** The window it was made for; absent for the first. */
  window: z.int().positive().optional(),
  comparison: modelComparisonSchema.optional(),
  drift: driftSchema.optional(),
  decision: gateDecisionSchema.optional(),
  /** The version that was current when it was decided; absent in records of before there was this field. */
  decidedAgainst: z.int().positive().optional(),
});
stored('model-version', modelVersionSchema);
export type ModelVersion = z.infer<typeof modelVersionSchema>;

/** `models/<name>/moves/<number>.json`: the log of what `current` was; created once, the highest number counts. */
export const modelMoveSchema = z.strictObject({
  formatVersion: z.literal(1),
  model: z.string(),
  number: z.int().positive(),
  at: z.iso.datetime(),
  from: z.int().positive().optional(),
  to: z.int().positive(),
  by: z.enum(['first', 'gate', 'promote', 'rollback']),
  reason: z.string(),
});
stored('model-move', modelMoveSchema);
export type ModelMove = z.infer<typeof modelMoveSchema>;

/** `models/<name>/current.json`, for other programs: the newest move with the place of its weights. */
export const currentModelSchema = z.strictObject({
  formatVersion: z.literal(1),
  model: z.string(),
  version: z.int().positive(),
  trainingId: z.string(),
  weights: z.string(),
  move: z.int().positive(),
  movedAt: z.iso.datetime(),
});
stored('current-model', currentModelSchema);
export type CurrentModel = z.infer<typeof currentModelSchema>;
