/** What so many clips cost: a pure function of measured rates. */
import { extractionConfigSchema } from '../../schemas/config/extraction-config.ts';
import type { Rates } from './rates.ts';

export interface Target {
  readonly clips: number;
  /** Media workers, each with `coresPerWorker`. */
  readonly workers: number;
  readonly coresPerWorker: number;
  readonly engine: string;
  readonly shardMiB?: number;
}

export interface Estimate {
  readonly clipsPerShard: number;
  readonly shards: number;
  readonly featureTB: number;
  readonly sourceTB: number;
  readonly executions: number;
  readonly historyEvents: number;
  readonly historyMB: number;
  /** To the store, by kind: S3 bills writes and reads differently. */
  readonly writeRequests: number;
  readonly readRequests: number;
  readonly planHours: number;
  /** The larger of what extraction and what one workflow's rate allow. */
  readonly buildHours: number;
  /** Shards a second that the workflow has to get through, as a share of what it can. */
  readonly workflowLoad: number;
}

const MIB = 2 ** 20;
/** As the store uploads: parts of 16 MiB, and a request to begin and one to end. */
const PART_BYTES = 16 * MIB;
/** Shards are cut in halves by a hash: they hold between a half and all of four thirds of the target. */
const MEAN_FILL = 0.96;
/** Of the plan: its header, the shard's place, its line; then the look for a shard that is there already. */
const BUILD_READS = 4;
/** An entry for each shard, beside the shard's parts. */
const ENTRY_WRITES = 1;
/** When planning, one look a shard; when publishing, its entry and its file's size. */
const PLAN_READS = 1;
const PUBLISH_READS = 2;

const MB = 1e6;
const TB = 1e12;
const HOUR_S = 3_600;

/** @throws Error for an engine whose rate was not measured */
export function estimate(rates: Rates, target: Target): Estimate {
  const { clips, workers, coresPerWorker, engine } = target;
  const perS = rates.extractedClipsPerS[engine];
  if (perS === undefined) throw new Error(`no rate was measured for "${engine}"`);
  const shardBytes = (target.shardMiB ?? extractionConfigSchema.parse({}).shard.targetMiB) * MIB * MEAN_FILL;
  const clipsPerShard = Math.max(1, Math.floor(shardBytes / rates.featureBytesPerClip));
  const shards = Math.ceil(clips / clipsPerShard);
  const parts = shardBytes > PART_BYTES ? Math.ceil(shardBytes / PART_BYTES) + 2 : 1;
  const extractionS = clips / ((perS / rates.cores) * workers * coresPerWorker);
  const workflowS = shards / rates.shardsPerS;
  const planS = Math.max(
    (clips * rates.sourceBytesPerClip) / (rates.hashedMBPerS * MB),
    clips / rates.plannedClipsPerS,
  );
  return {
    clipsPerShard,
    shards,
    featureTB: (clips * rates.featureBytesPerClip) / TB,
    sourceTB: (clips * rates.sourceBytesPerClip) / TB,
    executions: Math.ceil((shards * rates.eventsPerShard) / rates.eventsPerExecution),
    historyEvents: Math.round(shards * rates.eventsPerShard),
    historyMB: (shards * rates.historyBytesPerShard) / MB,
    writeRequests: shards * (parts + ENTRY_WRITES),
    readRequests: shards * (BUILD_READS + PLAN_READS + PUBLISH_READS),
    planHours: planS / HOUR_S,
    buildHours: Math.max(extractionS, workflowS) / HOUR_S,
    workflowLoad: workflowS / Math.max(extractionS, workflowS),
  };
}
