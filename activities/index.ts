/** The activities of each task queue, bound to the worker's services. */
import type {
  EvaluateModelInput,
  EvaluateModelOutput,
  ExtractShardInput,
  ExtractShardOutput,
  FreezeStreamOutput,
  PlanDatasetOutput,
  PublishDatasetInput,
  PublishDatasetOutput,
  RunReference,
  TrainModelInput,
  TrainModelOutput,
  WriteReportInput,
  WriteReportOutput,
} from '../schemas/workflows.ts';
import { evaluate } from './evaluate.ts';
import { extractShard } from './extract-shard.ts';
import { freezeStream } from './freeze-stream.ts';
import { planDataset } from './plan-dataset.ts';
import { publishDataset } from './publish-dataset.ts';
import type { Services } from './services.ts';
import { train } from './train.ts';
import { writeRunReport } from './write-run-report.ts';

export interface MediaActivities {
  planDataset(input: RunReference): Promise<PlanDatasetOutput>;
  extractShard(input: ExtractShardInput): Promise<ExtractShardOutput>;
  freezeStream(input: RunReference): Promise<FreezeStreamOutput>;
}

export interface TrainingActivities {
  train(input: TrainModelInput): Promise<TrainModelOutput>;
  evaluate(input: EvaluateModelInput): Promise<EvaluateModelOutput>;
}

export interface ControlActivities {
  publishDataset(input: PublishDatasetInput): Promise<PublishDatasetOutput>;
  writeReport(input: WriteReportInput): Promise<WriteReportOutput>;
}

export interface Activities {
  readonly media: MediaActivities;
  readonly training: TrainingActivities;
  readonly control: ControlActivities;
}

export function createActivities(services: Services): Activities {
  return {
    media: {
      planDataset: async (input) => await planDataset(services, input),
      extractShard: async (input) => await extractShard(services, input),
      freezeStream: async (input) => await freezeStream(services, input),
    },
    training: {
      train: async (input) => await train(services, input),
      evaluate: async (input) => await evaluate(services, input),
    },
    control: {
      publishDataset: async (input) => await publishDataset(services, input),
      writeReport: async (input) => await writeRunReport(services, input),
    },
  };
}
