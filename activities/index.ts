/** The activities of each task queue, bound to the worker's services. */
import type {
  AwaitWindowInput,
  AwaitWindowOutput,
  AwaitWorkflowInput,
  CheckScheduleInput,
  CompareModelsInput,
  CountWebhooksOutput,
  DecideWindowInput,
  DecideWindowOutput,
  EvaluateModelInput,
  EvaluateModelOutput,
  ExperimentPlan,
  ExtractShardInput,
  ExtractShardOutput,
  FindWindowsInput,
  FindWindowsOutput,
  FineTuneInput,
  FreezeWindowOutput,
  NoteFailureInput,
  NoteTrialFailureInput,
  NoticeReference,
  OpenModelInput,
  OpenModelOutput,
  FreezeStreamOutput,
  ListRungInput,
  ListRungOutput,
  ListShardsInput,
  ListShardsOutput,
  PlanDatasetOutput,
  PlanRungInput,
  PlanRungOutput,
  PostNoticeInput,
  PublishDatasetInput,
  PublishDatasetOutput,
  RunReference,
  SearchPlan,
  TrackTrainingInput,
  TrackTrainingOutput,
  TrackedTraining,
  TrainModelInput,
  TrainModelOutput,
  WindowReference,
  WriteExperimentInput,
  WriteExperimentOutput,
  WriteReportInput,
  WriteReportOutput,
  WriteSearchInput,
  WriteSearchOutput,
} from '../schemas/workflows.ts';
import { awaitWorkflow } from './await-workflow.ts';
import { checkSchedule } from './check-schedule.ts';
import { evaluate } from './evaluate.ts';
import { noteFailure, planExperiment, writeExperiment } from './experiment.ts';
import { extractShard } from './extract-shard.ts';
import { freezeStream } from './freeze-stream.ts';
import { listShards } from './list-shards.ts';
import { findWebhooks, postNotice } from './telling/notify.ts';
import { planDataset } from './plan-dataset.ts';
import { publishDataset } from './publish-dataset.ts';
import {
  awaitWindow,
  compareModels,
  decideWindow,
  findWindows,
  fineTune,
  freezeWindow,
  openModel,
} from './retrain.ts';
import { listRung, noteTrialFailure, planRung, planSearch, writeSearch } from './search.ts';
import type { Services } from './services.ts';
import { followTraining, trackTraining } from './telling/track.ts';
import { train } from './train.ts';
import { writeRunReport } from './write-run-report.ts';

export interface MediaActivities {
  planDataset(input: RunReference): Promise<PlanDatasetOutput>;
  extractShard(input: ExtractShardInput): Promise<ExtractShardOutput>;
  freezeWindow(input: WindowReference): Promise<FreezeWindowOutput>;
  freezeStream(input: RunReference): Promise<FreezeStreamOutput>;
}

export interface TrainingActivities {
  train(input: TrainModelInput): Promise<TrainModelOutput>;
  evaluate(input: EvaluateModelInput): Promise<EvaluateModelOutput>;
  fineTune(input: FineTuneInput): Promise<TrainModelOutput>;
  compareModels(input: CompareModelsInput): Promise<void>;
}

export interface ControlActivities {
  checkSchedule(input: CheckScheduleInput): Promise<void>;
  listShards(input: ListShardsInput): Promise<ListShardsOutput>;
  publishDataset(input: PublishDatasetInput): Promise<PublishDatasetOutput>;
  writeReport(input: WriteReportInput): Promise<WriteReportOutput>;
  planExperiment(input: RunReference): Promise<ExperimentPlan>;
  noteFailure(input: NoteFailureInput): Promise<void>;
  writeExperiment(input: WriteExperimentInput): Promise<WriteExperimentOutput>;
  planSearch(input: RunReference): Promise<SearchPlan>;
  planRung(input: PlanRungInput): Promise<PlanRungOutput>;
  listRung(input: ListRungInput): Promise<ListRungOutput>;
  noteTrialFailure(input: NoteTrialFailureInput): Promise<void>;
  writeSearch(input: WriteSearchInput): Promise<WriteSearchOutput>;
  findWindows(input: FindWindowsInput): Promise<FindWindowsOutput>;
  openModel(input: OpenModelInput): Promise<OpenModelOutput>;
  awaitWindow(input: AwaitWindowInput): Promise<AwaitWindowOutput>;
  decideWindow(input: DecideWindowInput): Promise<DecideWindowOutput>;
}

export interface WaitingActivities {
  awaitWorkflow(input: AwaitWorkflowInput): Promise<void>;
}

/** Of the queue of waits too. */
export interface TellingActivities {
  findWebhooks(input: NoticeReference): Promise<CountWebhooksOutput>;
  postNotice(input: PostNoticeInput): Promise<void>;
  followTraining(input: TrackedTraining): Promise<void>;
  trackTraining(input: TrackTrainingInput): Promise<TrackTrainingOutput>;
}

export interface Activities {
  readonly media: MediaActivities;
  readonly training: TrainingActivities;
  readonly control: ControlActivities;
  readonly waiting: WaitingActivities & TellingActivities;
}

export function createActivities(services: Services): Activities {
  return {
    media: {
      planDataset: async (input) => await planDataset(services, input),
      extractShard: async (input) => await extractShard(services, input),
      freezeWindow: async (input) => await freezeWindow(services, input),
      freezeStream: async (input) => await freezeStream(services, input),
    },
    training: {
      train: async (input) => await train(services, input),
      evaluate: async (input) => await evaluate(services, input),
      fineTune: async (input) => await fineTune(services, input),
      compareModels: async (input) => {
        await compareModels(services, input);
      },
    },
    control: {
      checkSchedule: async (input) => {
        await checkSchedule(services, input);
      },
      listShards: async (input) => await listShards(services, input),
      publishDataset: async (input) => await publishDataset(services, input),
      planExperiment: async (input) => await planExperiment(services, input),
      noteFailure: async (input) => {
        await noteFailure(services, input);
      },
      writeExperiment: async (input) => await writeExperiment(services, input),
      planSearch: async (input) => await planSearch(services, input),
      planRung: async (input) => await planRung(services, input),
      listRung: async (input) => await listRung(services, input),
      noteTrialFailure: async (input) => {
        await noteTrialFailure(services, input);
      },
      writeSearch: async (input) => await writeSearch(services, input),
      writeReport: async (input) => await writeRunReport(services, input),
      findWindows: async (input) => await findWindows(services, input),
      openModel: async (input) => await openModel(services, input),
      awaitWindow: async (input) => await awaitWindow(services, input),
      decideWindow: async (input) => await decideWindow(services, input),
    },
    waiting: {
      awaitWorkflow: async (input) => {
        await awaitWorkflow(input);
      },
      findWebhooks: async (input) => await findWebhooks(services, input),
      postNotice: async (input) => {
        await postNotice(services, input);
      },
      followTraining: async (input) => {
        await followTraining(services, input);
      },
      trackTraining: async (input) => await trackTraining(services, input),
    },
  };
}
