/**
 * What starts a workflow and what it returns, and the names of its messages. Payloads are ids, paths and
 * counts; clip lists, plans and configs stay in the store.
 */
import type { MethodName } from './config/methods.ts';
import type { NoticeType } from './config/notify-config.ts';
import type { DatasetReference } from './manifest.ts';
import type { ActivityProgress } from './progress.ts';
import type { ScheduledBy } from './schedules.ts';

export type { DatasetReference };

/** The run a workflow works for; its config is in the store at `storePaths.runConfig(runId)`. */
export interface RunReference {
  readonly storeUri: string;
  readonly runId: string;
  /** How long a worker may be silent before its work goes to another one. Default: 15 seconds. */
  readonly heartbeatTimeoutMs?: number;
  /** Shards that its rebuild has in flight at once. Default: 32. */
  readonly shardsInFlight?: number;
  /** Its config names webhooks (`notify`). Default: false, also of what was begun before there were any. */
  readonly notifies?: boolean;
  /** Its config names an MLflow server (`tracking`). Default: as that of `notifies`. */
  readonly tracks?: boolean;
}

/** What a workflow hands to its children of its own reference, whatever else it was started with. */
export function runReferenceOf({
  storeUri,
  runId,
  heartbeatTimeoutMs,
  shardsInFlight,
  notifies,
  tracks,
}: RunReference): RunReference {
  return {
    storeUri,
    runId,
    ...(heartbeatTimeoutMs === undefined ? {} : { heartbeatTimeoutMs }),
    ...(shardsInFlight === undefined ? {} : { shardsInFlight }),
    ...(notifies === undefined ? {} : { notifies }),
    ...(tracks === undefined ? {} : { tracks }),
  };
}

/** Something that webhooks are told of; what it says besides is in the store. */
export interface NoticeReference extends RunReference {
  /** The same each time that it is sent. */
  readonly noticeId: string;
  readonly type: NoticeType;
  /** ISO 8601. */
  readonly at: string;
  readonly facts?: NoticeFacts;
}
export interface NoticeFacts {
  /** Of what failed. */
  readonly reason?: string;
  readonly fix?: string;
  /** Of what was completed: how many trainings it has, and how many of them failed. */
  readonly trainings?: number;
  readonly failed?: number;
  /** Of a decision. */
  readonly model?: string;
  readonly window?: number;
  readonly decision?: RetrainWindowOutput;
}
export interface CountWebhooksOutput {
  /** Places in the config's list, of those that take this type. */
  readonly webhooks: readonly number[];
}
export interface PostNoticeInput extends NoticeReference {
  readonly webhook: number;
}
export interface NotifyWebhooksOutput {
  readonly delivered: number;
}

export interface AwaitWorkflowInput extends RunReference {
  readonly workflowId: string;
}

export interface RebuildDatasetInput extends RunReference {
  /** Set by the workflow itself when it goes on in a new execution, to keep its history short. */
  readonly carried?: RebuildCarried;
  /** Events after which it does so; absent: when the server suggests it. */
  readonly historyEvents?: number;
  /** Indices looked up at once, of the shards that the plan does not name. Default: 1,000. */
  readonly shardsPerPage?: number;
}

/** The state of a rebuild between two executions of its workflow. */
export interface RebuildCarried {
  readonly plan: PlanDatasetOutput;
  /** Of the shards that were looked up so far. */
  readonly shardsLeft: readonly number[];
  /** How many of `plan.more` were looked up; absent: none. */
  readonly listed?: number;
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

/** One training of a run: which it is follows from the run's config, the dataset, the method and the seed. */
export interface TrainingReference extends RunReference {
  readonly dataset: DatasetReference;
  readonly method: MethodName;
  readonly seed: number;
}

/** A training that is written elsewhere too: one of a run's, or by its id one whose spec is in the store. */
export type TrackedTraining = TrainingReference | (RunReference & { readonly trainingId: string });
export type TrackTrainingInput = TrackedTraining & {
  /** How it ended, in MLflow's words. */
  readonly state: 'FINISHED' | 'FAILED' | 'KILLED';
};
export interface TrackTrainingOutput {
  /** What could not be done, for a person. */
  readonly notes: readonly string[];
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
  /** Set where a schedule starts it. */
  readonly scheduled?: ScheduledBy;
}
/** Closes the open window of the run's retraining, by the clock. */
export interface CloseWindowInput extends RunReference {
  readonly scheduled: ScheduledBy;
}
export type CheckScheduleInput = CloseWindowInput;
export interface RebuildAndTrainOutput {
  readonly dataset: DatasetReference;
  readonly trainingIds: readonly string[];
  /** Store paths. */
  readonly report: string;
  readonly summary: string;
  /** What a person should know of it; absent: nothing. */
  readonly warnings?: readonly string[];
}

/** A matrix of trainings; its config is in the store at `storePaths.experimentConfig(runId)`. */
export interface RunExperimentInput extends RunReference {
  /** Set by the workflow itself when it goes on in a new execution. */
  readonly carried?: ExperimentCarried;
  /** Events after which it does so; absent: when the server suggests it. */
  readonly historyEvents?: number;
}

/** Failures are in the store, so they need not be carried. */
export interface ExperimentCarried {
  readonly plan: ExperimentPlan;
  readonly datasets: readonly (DatasetReference | null)[];
  readonly failed: number;
  /** The first cell that was not started; those before it are through. */
  readonly next: number;
  readonly paused: boolean;
}

export interface RunExperimentOutput extends WriteExperimentOutput {
  readonly cells: number;
  readonly failed: number;
}

export interface ExperimentPlan {
  readonly seeds: readonly number[];
  /** With the run that builds it. */
  readonly datasets: readonly { readonly name: string; readonly runId: string }[];
  /** Runs: cells that differ in method and seed only. */
  readonly groups: readonly ExperimentGroup[];
}
export interface ExperimentGroup {
  readonly runId: string;
  /** Index into the plan's datasets. */
  readonly dataset: number;
  /** For a person. */
  readonly label: string;
  readonly methods: readonly MethodName[];
}
export interface ExperimentCell extends Omit<ExperimentGroup, 'methods'> {
  readonly method: MethodName;
  readonly seed: number;
}

/** A search over hyper-parameters; its config is in the store at `storePaths.searchConfig(runId)`. */
export interface RunSearchInput extends RunReference {
  /** Set by the workflow itself when it goes on in a new execution. */
  readonly carried?: SearchCarried;
  /** Events after which it does so; absent: when the server suggests it. */
  readonly historyEvents?: number;
  /** Trainings that are looked up at once. Default: 200. */
  readonly trainingsPerPage?: number;
}

/** Which trials go on, and what failed, is in the store, so it need not be carried. */
export interface SearchCarried {
  readonly plan: SearchPlan;
  readonly dataset: DatasetReference;
  /** The rung at work, from 0, and how many trainings it has. */
  readonly rung: number;
  readonly trainings: number;
  /** The first of them that was not started; those before it are through. */
  readonly next: number;
  /** Through in the rungs before. */
  readonly done: number;
  readonly failed: number;
  readonly paused: boolean;
}

export interface RunSearchOutput extends WriteSearchOutput {
  readonly trainings: number;
  readonly failed: number;
}

export interface SearchPlan {
  /** The run that builds the dataset. */
  readonly build: string;
  /** From the shortest trainings. */
  readonly rungs: readonly { readonly epochs: number; readonly trainings: number }[];
}
export interface PlanRungInput extends RunReference {
  readonly dataset: DatasetReference;
  readonly rung: number;
}
export interface PlanRungOutput {
  readonly trainings: number;
}
export interface ListRungInput extends RunReference {
  readonly rung: number;
  readonly from: number;
  readonly count: number;
}
/** One training of a rung: the run's only method, with one of its seeds. */
export interface SearchTraining {
  readonly runId: string;
  readonly method: MethodName;
  readonly seed: number;
  /** From 1. */
  readonly trial: number;
}
export interface ListRungOutput {
  readonly trainings: readonly SearchTraining[];
}
export interface NoteTrialFailureInput extends RunReference {
  readonly training: SearchTraining;
  readonly reason: string;
}
export interface WriteSearchInput extends RunReference {
  readonly dataset: DatasetReference;
}
export interface WriteSearchOutput {
  /** Store paths. */
  readonly report: string;
  readonly summary: string;
}

/** The long-lived retraining of a model from what comes by stream. */
export interface StreamRetrainInput extends RebuildAndTrainInput {
  /** The model's name in the registry. */
  readonly model: string;
  /** Set by the workflow itself when it goes on in a new execution. */
  readonly carried?: RetrainCarried;
  /** Events after which it does so; absent: when the server suggests it. */
  readonly historyEvents?: number;
}

/** Windows that are closed and not done with are found in the store, so they need not be carried. */
export interface RetrainCarried {
  readonly paused: boolean;
  readonly closeAsked: boolean;
  readonly windowsDone: number;
}

/** A window of a model's retraining; what it holds is in the store. */
export interface WindowReference extends RunReference {
  readonly model: string;
  /** From 1. */
  readonly window: number;
}
export interface RetrainWindowOutput {
  /** The version that came out; absent when nothing was trained. */
  readonly version?: number;
  readonly promoted: boolean;
  readonly note: string;
}

/** Inputs and outputs of the activities. */
export interface NoteFailureInput extends RunReference {
  /** The run of the matrix. */
  readonly cellRunId: string;
  /** Absent: its dataset could not be built. */
  readonly method?: MethodName;
  readonly seed?: number;
  readonly reason: string;
}
export interface WriteExperimentInput extends RunReference {
  /** In the plan's order; null: could not be built. */
  readonly datasets: readonly (DatasetReference | null)[];
}
export interface WriteExperimentOutput {
  /** Store paths. */
  readonly report: string;
  readonly summary: string;
}

export interface OpenModelInput extends RunReference {
  readonly model: string;
  readonly dataset: DatasetReference;
}
export interface OpenModelOutput {
  readonly version: number;
}
export interface FindWindowsInput extends RunReference {
  readonly model: string;
}
export interface FindWindowsOutput {
  /** Closed, in order, and not done with. */
  readonly waiting: readonly number[];
  /** The number of the one that is open. */
  readonly open: number;
  readonly hasModel: boolean;
}
export interface AwaitWindowInput extends WindowReference {
  /** Closes it with what is there, if anything is; else waits until it is full or due. */
  readonly now: boolean;
}
export interface AwaitWindowOutput {
  readonly closed: boolean;
}
export interface FreezeWindowOutput {
  readonly dataset: DatasetReference;
  /** The version of the model to start from. */
  readonly parent: number;
  readonly newTrainClips: number;
}
export interface FineTuneInput extends WindowReference {
  readonly dataset: DatasetReference;
  readonly parent: number;
}
export interface CompareModelsInput extends FineTuneInput {
  /** The version of the model that the candidate is compared with. */
  readonly against: number;
}
export interface DecideWindowInput extends FineTuneInput {
  /** Absent: nothing was trained. */
  readonly against?: number;
}
export interface DecideWindowOutput extends RetrainWindowOutput {
  /** Somebody moved `current` meanwhile: compare with this version, then ask again. */
  readonly compareWith?: number;
}

export interface PlanDatasetOutput {
  readonly dataset: DatasetReference;
  readonly shards: number;
  /** The first ones. */
  readonly shardsToBuild: readonly number[];
  /** The others, of which there are `shards`, are in the store. */
  readonly more?: { readonly list: string; readonly shards: number };
  readonly clips: number;
  readonly clipsReused: number;
}
export interface ListShardsInput extends RunReference {
  readonly dataset: DatasetReference;
  readonly list: string;
  readonly from: number;
  readonly count: number;
}
export interface ListShardsOutput {
  readonly shards: readonly number[];
}
export interface ExtractShardInput extends RunReference {
  readonly dataset: DatasetReference;
  readonly shardIndex: number;
  /** How often at most it tells the workflow of its progress: what runs beside it does so too. */
  readonly reportEveryMs?: number;
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
  streamRetrain: 'streamRetrain',
  retrainWindow: 'retrainWindow',
  closeWindow: 'closeWindow',
  freezeStream: 'freezeStream',
  runExperiment: 'runExperiment',
  runSearch: 'runSearch',
  notifyWebhooks: 'notifyWebhooks',
  trackTraining: 'trackTraining',
} as const;

/** Queries and signals that every workflow answers. */
export const MESSAGES = {
  progress: 'progress',
  pause: 'pause',
  resume: 'resume',
  report: 'report',
  /** Signal to `streamRetrain`: close the open window now. */
  closeWindow: 'closeWindow',
} as const;

/** Workflow ids: the same work has the same id, so that starting it twice joins it. */
export const workflowIds = {
  run: (runId: string) => runId,
  rebuild: (runId: string) => `${runId}/rebuild`,
  freezeStream: (runId: string) => `${runId}/freeze-stream`,
  train: (runId: string, method: MethodName, seed: number) => `${runId}/train/${method}-s${String(seed)}`,
  evaluate: (runId: string, method: MethodName, seed: number) =>
    `${runId}/evaluate/${method}-s${String(seed)}`,
  retrain: (runId: string) => `${runId}/retrain`,
  track: (runId: string, method: MethodName, seed: number) => `${runId}/track/${method}-s${String(seed)}`,
  trackById: (runId: string, trainingId: string) => `${runId}/track/${trainingId}`,
  /** Of each thing that is told, by its id. */
  notify: (runId: string, noticeId: string) => `${runId}/notify/${noticeId}`,
  retrainWindow: (runId: string, window: number) => `${runId}/retrain/window-${String(window)}`,
} as const;

/** Shards whose indices one payload holds. */
export const SHARDS_PER_PAGE = 1_000;

/** Of a search's rung, that one payload holds. */
export const TRAININGS_PER_PAGE = 200;

/** Keys of `ProgressReport`. */
export const progressKeys = {
  index: 'index',
  shard: (shardIndex: number) => `shard ${String(shardIndex)}`,
  shardList: 'shard list',
  publish: 'publish',
  stream: 'stream',
  train: 'train',
  evaluate: 'evaluate',
  report: 'report',
  window: 'window',
  freeze: 'freeze',
  fineTune: 'fine-tune',
  compare: 'compare',
  decide: 'decide',
  plan: 'plan',
  note: 'note',
  waiting: 'waiting',
  notify: 'notify',
  track: 'track',
  schedule: 'schedule',
} as const;
