/** Contracts of an experiment: its matrix, and what comes out of it. */
import { z } from 'zod';
import { nameSchema, runConfigSchema } from './config.ts';
import { trainingDataSchema } from './training-config.ts';
import { datasetConfigSchema, type DatasetConfig } from './dataset-config.ts';
import { extractionConfigSchema } from './extraction-config.ts';
import { foldCount, foldsSchema, type Folds } from './folds.ts';
import { contrastProblems, contrastSetSchema, plannedContrastSchema } from './contrasts.ts';
import { METHODS, fusionSchema, methodSchema } from './methods.ts';
import { modalitySchema } from '../modality.ts';
import { spreadSchema } from '../summary.ts';
import { stored } from '../versions.ts';

/** Trainings that differ in more than method and seed are told apart by a group; each group is a run of its own. */
const MOST_GROUPS = 1_000;

const conditionSchema = z.strictObject({
  /** What the condition is called in the table. */
  name: z.string().min(1).max(60),
  /** What is done to the training split; absent: what the base says, else nothing. */
  data: trainingDataSchema.optional(),
  /** What is done to every clip of every split, so that a modality is worth less; absent: what the base says. */
  extraction: z
    .strictObject({
      /** Noise that every clip gets before it is stored. */
      disturb: extractionConfigSchema.shape.disturb,
    })
    .optional(),
});

/** One YAML file: every dataset × condition × fusion × method × seed is trained and evaluated once. */
export const experimentConfigSchema = z
  .strictObject({
    /** What the experiment is called in the store. */
    name: nameSchema,
    /** What all have in common. Its own methods, seeds and fusion do not matter. */
    base: runConfigSchema,
    /** Absent: the base's alone. */
    datasets: z
      .array(
        z.strictObject({
          /** What the dataset is called in the store and in the table. */
          name: nameSchema,
          /** Where its clips and their labels are. */
          dataset: datasetConfigSchema,
          /** Ways to split it; absent: the experiment's. */
          folds: foldsSchema.optional(),
        }),
      )
      .min(1)
      .optional(),
    /**
     * Ways to split each dataset that brings no `folds` of its own: blocks of one dataset, that has one row in the table.
     * Absent: each dataset's own split.
     */
    folds: foldsSchema.optional(),
    /** `all`: every method there is. */
    methods: z.preprocess((given) => (given === 'all' ? METHODS : given), z.array(methodSchema).min(1)),
    /** Each cell of the matrix is trained once with each. */
    seeds: z.array(z.int().nonnegative()).min(1),
    /**
     * The differences that the experiment is made to measure, first minus second, and that are corrected for among
     * themselves only: name few, and before the result is known. Absent: b-mm − mm, mm − joint, b-mm − joint and
     * ogm-ge − joint, as far as their methods are there.
     */
    contrasts: z.array(plannedContrastSchema).min(1).optional(),
    /** Absent: the base's alone. */
    fusions: z.array(fusionSchema).min(1).optional(),
    /** The first is the one that methods are compared under. */
    conditions: z
      .array(conditionSchema)
      .min(1)
      .default([{ name: 'as it is' }]),
  })
  .superRefine(
    ({ base, datasets = [], folds, methods, seeds, fusions = [], conditions, contrasts = [] }, context) => {
      for (const { at, message } of contrastProblems(contrasts, methods)) {
        context.addIssue({ code: 'custom', path: ['contrasts', at], message });
      }
      const named = {
        datasets: datasets.map(({ name }) => name),
        methods,
        seeds,
        fusions,
        conditions: conditions.map(({ name }) => name),
      };
      for (const [field, names] of Object.entries(named)) {
        for (const [at, name] of names.entries()) {
          if (names.indexOf(name as never) === at) continue;
          context.addIssue({
            code: 'custom',
            path: [field, at],
            message: 'it is there already: leave one out',
          });
        }
      }
      const sources = datasets.length === 0 ? [{ dataset: base.dataset }] : datasets;
      const given: { dataset: DatasetConfig; folds?: Folds | undefined }[] = sources;
      for (const [at, { dataset, folds: own }] of given.entries()) {
        if ((own ?? folds)?.files === undefined || dataset.format === 'csv') continue;
        const path = own === undefined ? ['folds', 'files'] : ['datasets', at, 'folds', 'files'];
        const message = `lists are of the format csv, and the dataset is ${dataset.format}: use kFold or leaveOut`;
        context.addIssue({ code: 'custom', path, message });
      }
      const splits = given.reduce(
        (sum, { folds: own = folds }) => sum + (own === undefined ? 1 : foldCount(own)),
        0,
      );
      const groups = splits * conditions.length * Math.max(1, fusions.length);
      if (groups > MOST_GROUPS) {
        const message = `datasets × folds × conditions × fusions are ${String(groups)}, more than ${String(MOST_GROUPS)}: make it several experiments`;
        context.addIssue({ code: 'custom', path: ['conditions'], message });
      }
    },
  );
stored('experiment', experimentConfigSchema);
export type ExperimentConfig = z.infer<typeof experimentConfigSchema>;

/** `experiments/<id>/failures/….json`: why a cell, or all cells of a run, came to nothing. */
export const failureSchema = z.strictObject({ reason: z.string() });
stored('failure', failureSchema);

export const CELL_STATES = ['done', 'failed', 'not applicable', 'missing'] as const;
export const cellStateSchema = z.enum(CELL_STATES);
export type CellState = z.infer<typeof cellStateSchema>;

/** Where a cell stands in the matrix. */
const placeSchema = {
  dataset: z.string(),
  condition: z.string(),
  fusion: fusionSchema,
  method: methodSchema,
};

export const summaryCellSchema = z.strictObject({
  ...placeSchema,
  /** Where its dataset has folds. */
  fold: z.string().optional(),
  seed: z.int(),
  state: cellStateSchema,
  /** Why it is not done. */
  reason: z.string().optional(),
  trainingId: z.string().optional(),
});
export type SummaryCell = z.infer<typeof summaryCellSchema>;

/** A method within a dataset, a condition and a fusion, over the folds and seeds that are done. Scores are shares in 0…1. */
export const experimentRowSchema = z.strictObject({
  ...placeSchema,
  seeds: z.array(z.int()),
  /** Where its dataset has folds. */
  folds: z.array(z.string()).optional(),
  accuracy: spreadSchema,
  macroF1: spreadSchema,
  meanAveragePrecision: spreadSchema,
  expectedCalibrationError: spreadSchema,
  branches: z.partialRecord(modalitySchema, spreadSchema),
  /** Accuracy of a linear classifier on each modality's frozen features; absent where none was asked for. */
  probes: z.partialRecord(modalitySchema, spreadSchema).optional(),
  /** Of the training steps. */
  seconds: spreadSchema,
  peakMemoryMiB: spreadSchema.optional(),
});
export type ExperimentRow = z.infer<typeof experimentRowSchema>;

const testSchema = z.strictObject({
  /** Two-sided. */
  p: z.number(),
  /** After Holm's correction over the pairs that were tested. */
  holm: z.number(),
});

export const pairSchema = z.strictObject({
  first: methodSchema,
  second: methodSchema,
  /** Mean accuracy of the first minus the second's, over what both have. */
  difference: z.number(),
  /** Sign-flip test over groups of test clips; `clip`: the data name no groups, so each clip is taken for itself. */
  groups: testSchema.extend({ unit: z.enum(['group', 'clip']), count: z.int() }),
  /** Wilcoxon's signed-rank test over trainings (dataset × fusion × seed). */
  trainings: testSchema.extend({ count: z.int() }),
});
export type Pair = z.infer<typeof pairSchema>;

export const rankingSchema = z.strictObject({
  /** Blocks: dataset × fusion × seed in which every ranked method is done. */
  blocks: z.int(),
  /** From the best mean rank (1 is best). */
  ranks: z.array(z.strictObject({ method: methodSchema, rank: z.number() })),
  friedman: z.strictObject({ statistic: z.number(), p: z.number() }),
  /** Nemenyi's, at 5 %. */
  criticalDifference: z.number(),
  /** Greatest groups of methods whose mean ranks lie closer together than that. */
  groups: z.array(z.array(methodSchema)),
});
export type Ranking = z.infer<typeof rankingSchema>;

/** `experiments/<id>/summary.json`. */
export const experimentSummarySchema = z.strictObject({
  formatVersion: z.literal(1),
  experimentId: z.string(),
  name: z.string(),
  datasets: z.array(
    z.strictObject({
      name: z.string(),
      /** Absent: not built, or there are several: see `versions`. */
      version: z.string().optional(),
      /** Of each fold and each disturbance of the extraction, where there are several. */
      versions: z.array(z.strictObject({ name: z.string(), version: z.string() })).optional(),
      /** Of all folds together. */
      testClips: z.int(),
      /** Speakers, sources, … that the test clips are of. */
      groups: z.strictObject({ unit: z.enum(['group', 'clip']), count: z.int() }).optional(),
      /** Half of the best method's 95 % interval over groups (CR1, Student's t), a share; absent with one group. */
      samplingError: z.number().optional(),
    }),
  ),
  /** Of the matrix; cells that are not applicable are no failures. */
  cells: z.record(cellStateSchema, z.int()),
  /** What was asked in advance; over everything first. */
  contrasts: z.array(contrastSetSchema).default([]),
  rows: z.array(experimentRowSchema),
  /** Under the first condition. */
  pairs: z.array(pairSchema),
  ranking: rankingSchema.optional(),
  notDone: z.array(summaryCellSchema),
});
stored('experiment-summary', experimentSummarySchema);
export type ExperimentSummary = z.infer<typeof experimentSummarySchema>;
