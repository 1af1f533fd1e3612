/** `import { … } from 'modalmix'`: what programs may rely on. All else is internal. Described in docs/api.md. */
export { defineConfig, type ConfigInput, type RunConfig } from './config.ts';
export {
  evaluate,
  rebuild,
  run,
  train,
  type EvaluateModelOutput,
  type Job,
  type JobOptions,
  type RebuildResult,
  type RunResult,
  type TrainModelOutput,
} from './jobs.ts';
export { predict, type PredictOptions, type Predictions } from './predict.ts';
export { openDataset, type Dataset, type DatasetRow, type RowsOptions } from './datasets.ts';
export {
  listRuns,
  readEvaluation,
  readMetrics,
  readRun,
  readSummary,
  readTraining,
  type StoredRun,
} from './results.ts';
export type { DatasetKit, Plugin, PluginKit } from './plugin.ts';
export { openStore } from '../pipelines/store/open-store.ts';
export type { Store } from '../pipelines/store/store.ts';
export { ERROR_KINDS, ModalmixError, type ErrorKind } from '../schemas/errors.ts';
export type { DatasetManifest, DatasetReference } from '../schemas/manifest.ts';
export type { Modality } from '../schemas/modality.ts';
export type { ClipPrediction, PredictionFacts } from '../schemas/prediction.ts';
export type { Progress, StageProgress } from '../schemas/progress.ts';
export type { Summary, SummaryRow } from '../schemas/summary.ts';
export type { EpochMetrics, EvaluationResult, TrainingResult } from '../schemas/training.ts';
