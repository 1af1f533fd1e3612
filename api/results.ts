/** What runs and trainings left in the store. */
import type { z } from 'zod';
import { findRunDataset } from '../pipelines/shards/manifest/load-manifest.ts';
import { trainingSpecs } from '../pipelines/training/training-spec.ts';
import { findStored, getStoredLines } from '../pipelines/store/stored-json.ts';
import type { Store } from '../pipelines/store/store.ts';
import { runConfigSchema, type RunConfig } from '../schemas/config/config.ts';
import { ModalmixError } from '../schemas/errors.ts';
import type { DatasetReference } from '../schemas/manifest.ts';
import { storePaths } from '../schemas/names.ts';
import { summarySchema, type Summary } from '../schemas/summary.ts';
import {
  epochMetricsSchema,
  evaluationResultSchema,
  trainingResultSchema,
  type EpochMetrics,
  type EvaluationResult,
  type TrainingResult,
} from '../schemas/training.ts';

export interface StoredRun {
  readonly runId: string;
  readonly config: RunConfig;
  /** The version that its last rebuild published; absent before the first. */
  readonly dataset?: DatasetReference;
  /** Of every method and seed, done or not; none before there is a dataset. */
  readonly trainings: readonly {
    readonly trainingId: string;
    readonly method: string;
    readonly seed: number;
  }[];
}

/** Ids of the runs that have a report, sorted. */
export async function listRuns(store: Store): Promise<string[]> {
  const paths = await store.list(storePaths.runs);
  return paths
    .map((path) => /^runs\/([^/]+)\/summary\.json$/u.exec(path)?.[1])
    .filter((id) => id !== undefined);
}

/** @throws ModalmixError `input` when there is no such run */
export async function readRun(store: Store, runId: string): Promise<StoredRun> {
  const config = await read(store, storePaths.runConfig(runId), runConfigSchema, 'run');
  const dataset = await findRunDataset(store, runId);
  if (dataset === undefined) return { runId, config, trainings: [] };
  const trainings = trainingSpecs(config, dataset).map(({ trainingId, method, seed }) => ({
    trainingId,
    method,
    seed,
  }));
  return { runId, config, dataset, trainings };
}

/** The table of methods × scores. @throws ModalmixError `input` when the run has no report yet */
export async function readSummary(store: Store, runId: string): Promise<Summary> {
  return await read(store, storePaths.summary(runId), summarySchema, 'report of this run');
}

/** A line an epoch. @throws ModalmixError `input` before the first epoch has ended */
export async function readMetrics(store: Store, trainingId: string): Promise<EpochMetrics[]> {
  return await getStoredLines(store, storePaths.metrics(trainingId), epochMetricsSchema);
}

/** @throws ModalmixError `input` when the training is not complete */
export async function readTraining(store: Store, trainingId: string): Promise<TrainingResult> {
  return await read(store, storePaths.trainingResult(trainingId), trainingResultSchema, 'complete training');
}

/** @throws ModalmixError `input` when the training has not been judged */
export async function readEvaluation(store: Store, trainingId: string): Promise<EvaluationResult> {
  return await read(store, storePaths.evaluation(trainingId), evaluationResultSchema, 'evaluation');
}

async function read<T>(store: Store, path: string, schema: z.ZodType<T>, what: string): Promise<T> {
  const found = await findStored(store, path, schema);
  if (found !== undefined) return found;
  throw new ModalmixError('input', `there is no such ${what}`, { where: `${store.uri}/${path}` });
}
