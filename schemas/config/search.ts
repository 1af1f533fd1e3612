/** Contracts of a search over hyper-parameters: what it draws from, and what comes out of it. */
import { z } from 'zod';
import { nameSchema, runConfigSchema } from './config.ts';
import { methodSchema } from './methods.ts';
import { spreadSchema } from '../summary.ts';
import { stored } from '../versions.ts';

const MOST_TRIALS = 1_000;

/** What a field of a config may hold; null: as if the field was not there. */
export type FieldValue = z.infer<ReturnType<typeof z.json>>;

const range = z.tuple([z.number(), z.number()]).refine(([low, high]) => low < high, 'the lower comes first');

const KINDS = ['uniform', 'logUniform', 'integer', 'choice'] as const;

/** How one field's value is drawn: exactly one of the ways. Numbers have four significant digits. */
export const dimensionSchema = z
  .strictObject({
    /** Any number between the two, each as likely. */
    uniform: range.optional(),
    /** Between the two, each order of magnitude as likely: for rates, decays, and factors around 1. */
    logUniform: range.refine(([low]) => low > 0, 'both must be more than 0').optional(),
    /** Whole numbers between the two, which count too. */
    integer: range.refine((ends) => ends.every(Number.isInteger), 'both must be whole numbers').optional(),
    /** One of a list, each as likely. null stands for leaving the field out. */
    choice: z.array(z.json()).min(2).optional(),
  })
  .refine((given) => KINDS.filter((kind) => given[kind] !== undefined).length === 1, {
    message: `exactly one of ${KINDS.join(', ')} must say how it is drawn`,
    // A misspelt way is one mistake, which is told already.
    when: ({ issues }) => issues.length === 0,
  })
  .meta({ minProperties: 1, maxProperties: 1 });
export type Dimension = z.infer<typeof dimensionSchema>;

export const METRICS = ['validation.accuracy', 'validation.loss'] as const;
export type SearchMetric = (typeof METRICS)[number];

/** All but the base, which is a file's name, or a run's config. */
const searchFields = {
  /** What the search is called in the store. */
  name: nameSchema,
  /** By field of the config below `training`, dotted: `training.optimizer.learningRate`. */
  space: z
    .record(z.string(), dimensionSchema)
    .refine((space) => Object.keys(space).length > 0, 'it must name at least one field'),
  trials: z.int().positive().max(MOST_TRIALS),
  /** What is drawn follows from it and the names of the fields. */
  seed: z.int().nonnegative().default(0),
  /**
   * Successive halving: all trials are trained for a few epochs, the best of each method for `factor` times as many,
   * and so on up to the base's epochs. Absent: all trials for the base's epochs.
   */
  halving: z
    .strictObject({
      /** One in so many goes on. */
      factor: z.number().min(1.5).max(10).default(3),
      /** No trial is trained for fewer. */
      minEpochs: z.int().positive().default(3),
    })
    .optional(),
  /** Of the fused model on the validation split, by the weights that `evaluation.weights` names. */
  metric: z.enum(METRICS).default('validation.accuracy'),
  /** Trainings of each trial, whose mean counts. */
  seeds: z.array(z.int().nonnegative()).min(1).default([0]),
  /** Searched each by itself, with the same points and epochs. Absent: the base's. */
  methods: z.array(methodSchema).min(1).optional(),
};

/** A search's YAML file, with the base as another file or within. */
export function searchFileSchema<Base extends z.ZodType>(base: Base) {
  return z.strictObject({
    ...searchFields,
    /** Points that are drawn; every method gets the same ones. Default: 16, or all where there are fewer. */
    trials: searchFields.trials.optional(),
    /** What all trials have in common: a run's config, or the path of its file. */
    base,
  });
}
/** For editors: either base. */
export const writtenSearchSchema = searchFileSchema(z.union([z.string(), runConfigSchema]));
export type WrittenSearch = z.infer<typeof writtenSearchSchema>;

/** `searches/<id>/config.json`: paths are absolute, methods are named, the base has no defaults filled in. */
export const searchConfigSchema = z.strictObject({
  ...searchFields,
  base: z.record(z.string(), z.json()),
  methods: z.array(methodSchema).min(1),
});
stored('search', searchConfigSchema);
export type SearchConfig = z.infer<typeof searchConfigSchema>;

/** `searches/<id>/failures/….json`: why a training came to nothing. */
export const trialFailureSchema = z.strictObject({ reason: z.string() });

/** `searches/<id>/rungs/<n>.json`: each method's trials, by number. */
export const rungTrialsSchema = z.array(
  z.strictObject({
    method: methodSchema,
    trials: z.array(z.strictObject({ trial: z.int(), runId: z.string() })),
  }),
);
stored('rung', rungTrialsSchema);
export type RungTrials = z.infer<typeof rungTrialsSchema>;

const valuesSchema = z.record(z.string(), z.json());

/** A trial of a method, at the longest training it got. */
export const rankedTrialSchema = z.strictObject({
  /** From 1. */
  trial: z.int(),
  epochs: z.int(),
  /** By dotted field: those that the method reads. */
  values: valuesSchema,
  /** Over seeds, shares. */
  accuracy: spreadSchema,
  /** Over seeds, nats a clip. */
  loss: spreadSchema,
});
export type RankedTrial = z.infer<typeof rankedTrialSchema>;

/** `searches/<id>/summary.json`. */
export const searchSummarySchema = z.strictObject({
  formatVersion: z.literal(1),
  searchId: z.string(),
  name: z.string(),
  metric: z.enum(METRICS),
  dataset: z.strictObject({ name: z.string(), version: z.string() }),
  validationClips: z.int(),
  /** From the shortest trainings: how long they are, and how many trials of each method get so far. */
  rungs: z.array(z.strictObject({ epochs: z.int(), trials: z.int() })),
  methods: z.array(
    z.strictObject({
      method: methodSchema,
      /** Different trials: fields that the method does not read make no difference. */
      trials: z.int(),
      /** Trials with a training that failed. */
      failed: z.int(),
      /** Of all its trainings that are done. */
      epochs: z.int(),
      /** Wall time of their training steps. */
      seconds: z.number(),
      /** From the best: those of the last rung, or of the longest one in which a trial is done. */
      best: z.array(rankedTrialSchema),
    }),
  ),
  /** Trainings that failed, and why. */
  failures: z.array(
    z.strictObject({
      method: methodSchema,
      trial: z.int(),
      epochs: z.int(),
      seed: z.int(),
      reason: z.string(),
    }),
  ),
});
stored('search-summary', searchSummarySchema);
export type SearchSummary = z.infer<typeof searchSummarySchema>;
