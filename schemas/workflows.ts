/**
 * What starts a workflow and what it returns, and the names of its messages. Payloads are ids, paths and
 * counts; clip lists, plans and configs stay in the store.
 */
import type { MethodName } from './config.ts';
import type { ActivityProgress } from './progress.ts';

/** The run a workflow works for; its config is in the store at `storePaths.runConfig(runId)`. */
export interface RunReference {
  readonly storeUri: string;
  readonly runId: string;
  /** How long a worker may be silent before its work goes to another one. Default: 15 seconds. */
  readonly heartbeatTimeoutMs?: number;
}

export interface RebuildDatasetInput extends RunReference {
  /** Set by the workflow itself when it goes on in a new execution, to keep its history short. */
  readonly carried?: RebuildCarried;
  /** Events after which it does so; absent: when the server suggests it. */
  readonly historyEvents?: number;
}

/** The state of a rebuild between two executions of its workflow. */
export interface RebuildCarried {
  readonly plan: PlanDatasetOutput;
  readonly shardsLeft: readonly number[];
  readonly built: BuiltCounts;
  readonly paused: boolean;
}

export interface BuiltCounts {
  readonly shards: number;
  readonly clips: number;
  readonly quarantined: number;
}

export interface RebuildDatasetOutput {
  readonly dataset: DatasetReference;
  readonly shards: number;
  readonly shardsBuilt: number;
  readonly clips: number;
  readonly clipsReused: number;
  readonly quarantined: number;
}

/** A published version of a dataset. */
export interface DatasetReference {
  readonly name: string;
  readonly version: string;
}

/** One training of a run: which it is follows from the run's config, the dataset, the method and the seed. */
export interface TrainingReference extends RunReference {
  readonly dataset: DatasetReference;
  readonly method: MethodName;
  readonly seed: number;
}

export type TrainModelInput = TrainingReference;
export interface TrainModelOutput {
  readonly trainingId: string;
  readonly steps: number;
  readonly epochs: number;
  readonly weightsSha256: string;
}

export type EvaluateModelInput = TrainingReference;
export interface EvaluateModelOutput {
  readonly trainingId: string;
  /** Of the fused model on the test split, 0…1. */
  readonly accuracy: number;
  readonly samples: number;
}

export interface FreezeStreamOutput {
  readonly dataset: DatasetReference;
  readonly shards: number;
  readonly clips: number;
}

export interface RebuildAndTrainInput extends RunReference {
  /** Where the clips come from: the config's dataset (default), or its offset ranges of the features topic. */
  readonly source?: 'dataset' | 'stream';
  readonly methods: readonly MethodName[];
  readonly seeds: readonly number[];
}
export interface RebuildAndTrainOutput {
  readonly dataset: DatasetReference;
  readonly trainingIds: readonly string[];
  /** Store paths. */
  readonly report: string;
  readonly summary: string;
}

/** Inputs and outputs of the activities. */
export interface PlanDatasetOutput {
  readonly dataset: DatasetReference;
  readonly shards: number;
  readonly shardsToBuild: readonly number[];
  readonly clips: number;
  readonly clipsReused: number;
}
export interface ExtractShardInput extends RunReference {
  readonly dataset: DatasetReference;
  readonly shardIndex: number;
}
export interface ExtractShardOutput {
  readonly clips: number;
  readonly quarantined: number;
}
export interface PublishDatasetInput extends RunReference {
  readonly dataset: DatasetReference;
}
export interface PublishDatasetOutput {
  readonly clips: number;
  readonly quarantined: number;
}
export interface WriteReportInput extends RunReference {
  readonly dataset: DatasetReference;
}
export interface WriteReportOutput {
  readonly report: string;
  readonly summary: string;
}

/** What an activity tells its workflow of itself while it works. */
export interface ProgressReport {
  /** Which of the workflow's activities speaks, e.g. `shard 3`. */
  readonly key: string;
  readonly progress: ActivityProgress;
}

export const WORKFLOWS = {
  rebuildDataset: 'rebuildDataset',
  trainModel: 'trainModel',
  evaluateModel: 'evaluateModel',
  rebuildAndTrain: 'rebuildAndTrain',
  freezeStream: 'freezeStream',
} as const;

/** Queries and signals that every workflow answers. */
export const MESSAGES = {
  progress: 'progress',
  pause: 'pause',
  resume: 'resume',
  report: 'report',
} as const;

/** Workflow ids: the same work has the same id, so that starting it twice joins it. */
export const workflowIds = {
  run: (runId: string) => runId,
  rebuild: (runId: string) => `${runId}/rebuild`,
  freezeStream: (runId: string) => `${runId}/freeze-stream`,
  train: (runId: string, method: MethodName, seed: number) => `${runId}/train/${method}-s${String(seed)}`,
  evaluate: (runId: string, method: MethodName, seed: number) =>
    `${runId}/evaluate/${method}-s${String(seed)}`,
} as const;

/** Keys of `ProgressReport`. */
export const progressKeys = {
  index: 'index',
  shard: (shardIndex: number) => `shard ${String(shardIndex)}`,
  publish: 'publish',
  stream: 'stream',
  train: 'train',
  evaluate: 'evaluate',
  report: 'report',
} as const;
