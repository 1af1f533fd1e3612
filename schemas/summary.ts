/** Contracts of the report: its table as data, and what a figure is traced back by. */
import { z } from 'zod';
import { methodSchema } from './config/methods.ts';
import { modalitySchema } from './modality.ts';
import { stored } from './versions.ts';

/** Over the seeds; `std` is the sample deviation (n − 1), absent for a single seed. */
export const spreadSchema = z.strictObject({
  mean: z.number(),
  std: z.number().optional(),
  values: z.array(z.number()),
});
export type Spread = z.infer<typeof spreadSchema>;

/** 95 %, by drawing whole groups of test clips anew. */
export const intervalSchema = z.strictObject({ low: z.number(), high: z.number() });
export type Interval = z.infer<typeof intervalSchema>;

/** One method's results on the test split; every score is a share in 0…1. */
export const summaryRowSchema = z.strictObject({
  method: methodSchema,
  seeds: z.array(z.int()),
  trainingIds: z.array(z.string()),
  accuracy: spreadSchema,
  macroF1: spreadSchema,
  meanAveragePrecision: spreadSchema,
  expectedCalibrationError: spreadSchema,
  /** Accuracy of each unimodal branch, over the clips that have its modality. */
  branches: z.partialRecord(modalitySchema, spreadSchema),
  /** Accuracy of a linear classifier on each modality's frozen features; absent in older reports, as what follows. */
  probes: z.partialRecord(modalitySchema, spreadSchema).optional(),
  /** Calibration error after temperature scaling; absent without a validation split. */
  scaledCalibrationError: spreadSchema.optional(),
  /** Of the mean accuracy. */
  interval: intervalSchema.optional(),
  /** Of the best method's mean accuracy less this one's, both from the same draws; absent for the best. */
  behindBest: intervalSchema.optional(),
});
export type SummaryRow = z.infer<typeof summaryRowSchema>;

/** `runs/<runId>/summary.json`. */
export const summarySchema = z.strictObject({
  formatVersion: z.literal(1),
  runId: z.string(),
  dataset: z.strictObject({ name: z.string(), version: z.string() }),
  /** Clips the accuracies are shares of. */
  testClips: z.int(),
  classes: z.int(),
  /** What the intervals draw; a clip without a group is one by itself. */
  testGroups: z.strictObject({ count: z.int(), groupedClips: z.int() }).optional(),
  /** In the config's order of methods. */
  rows: z.array(summaryRowSchema),
});
stored('summary', summarySchema);
export type Summary = z.infer<typeof summarySchema>;

/** What made a report, beside its config and data; facts of the machine, in words. */
export const provenanceSchema = z.strictObject({
  /** Commit or version of the code. */
  codeVersion: z.string(),
  /** TensorFlow's version and device. */
  engine: z.string(),
  /** Processor, cores, operating system, Node. */
  machine: z.string(),
  /** The command that makes the report again. */
  command: z.string(),
});
export type Provenance = z.infer<typeof provenanceSchema>;
