/** What each file of a store is, by its path: how it is read, and what mends it. Pure, but for the schemas. */
import { z } from 'zod';
import {
  experimentConfigSchema,
  experimentSummarySchema,
  failureSchema,
} from '../../schemas/config/experiment.ts';
import { rungTrialsSchema, searchConfigSchema, searchSummarySchema } from '../../schemas/config/search.ts';
import {
  datasetReferenceSchema,
  quarantineEntrySchema,
  shardEntrySchema,
  storedManifestSchema,
} from '../../schemas/manifest.ts';
import { answerWindowSchema } from '../../schemas/answer-window.ts';
import {
  currentModelSchema,
  modelMoveSchema,
  modelVersionSchema,
  retrainWindowSchema,
  windowComparisonSchema,
  windowOpeningSchema,
  windowOutcomeSchema,
  windowStartSchema,
} from '../../schemas/retrain.ts';
import {
  storedStreamManifestSchema,
  streamManifestSchema,
  streamRowSchema,
  streamSegmentSchema,
} from '../../schemas/stream.ts';
import { scheduleRecordSchema } from '../../schemas/schedules.ts';
import { anyConfigSchema } from '../../schemas/stored-config.ts';
import { stored, type Kind } from '../../schemas/versions.ts';
import { summarySchema } from '../../schemas/summary.ts';
import { epochMetricsSchema, evaluationResultSchema, trainingResultSchema } from '../../schemas/training.ts';

/** What makes a damaged file whole again. */
export const MENDS = [
  /** It is only a memory of something: set aside, it is made when it is needed. */
  'remake',
  /** Made from the dataset's own files, by the run's config that is in the store. */
  'rebuild',
  /** Made from the training's last checkpoint, or by training on from it. */
  'train',
  /** Made by evaluating again. */
  'evaluate',
  /** Made by reporting again. */
  'report',
  /** Nothing in the store says what was in it. */
  'restore',
  /** Nothing is wrong with it: a newer release wrote it. */
  'update',
] as const;
export type Mend = (typeof MENDS)[number];

export interface FileKind {
  readonly name: Kind;
  readonly mend: Mend;
  /** Of JSON: its one value, or each line's; absent: it is checked by a hash that another file has. */
  readonly schema?: z.ZodType;
  readonly lines?: boolean;
}

/** Folders at the top of a store whose files are known. */
export const STORE_FOLDERS = [
  'datasets',
  'quarantine',
  'runs',
  'experiments',
  'searches',
  'models',
  'plugins',
];

const anyJson = z.json();
/** Its reader knows the fields. */
const planJson = z.json();
stored('plan', planJson);
const ID = '[^/]+';

/** The first that fits. */
const KINDS: readonly (readonly [RegExp, FileKind])[] = (
  [
    [`datasets/${ID}/source-hashes.json`, { name: 'cache', mend: 'remake', schema: anyJson }],
    [`datasets/${ID}/source-hashes/${ID}.jsonl`, { name: 'cache', mend: 'remake' }],
    [`datasets/${ID}/plans/latest-${ID}.json`, { name: 'hint', mend: 'remake', schema: anyJson }],
    [`datasets/${ID}/plans/${ID}.json`, { name: 'plan', mend: 'remake', schema: planJson }],
    [`datasets/${ID}/plans/${ID}.(jsonl|todo)`, { name: 'plan-part', mend: 'remake' }],
    [`datasets/${ID}/shards/${ID}.arrow`, { name: 'shard', mend: 'rebuild' }],
    [`datasets/${ID}/shards/${ID}.json`, { name: 'shard-entry', mend: 'rebuild', schema: shardEntrySchema }],
    [
      `datasets/${ID}/stream/${ID}/manifests/\\d+.json`,
      { name: 'stream-manifest', mend: 'restore', schema: storedStreamManifestSchema },
    ],
    [
      `datasets/${ID}/stream/${ID}/segments/[0-9a-f]{64}.json`,
      { name: 'stream-segment', mend: 'restore', schema: streamSegmentSchema },
    ],
    [`datasets/${ID}/stream/${ID}/shards/${ID}.arrow`, { name: 'stream-shard', mend: 'restore' }],
    [
      `datasets/${ID}/stream/${ID}/shards/${ID}.rows.jsonl`,
      { name: 'stream-rows', mend: 'restore', schema: streamRowSchema, lines: true },
    ],
    [
      `datasets/${ID}/${ID}/manifest.json`,
      { name: 'manifest', mend: 'rebuild', schema: storedManifestSchema },
    ],
    [`datasets/${ID}/${ID}/shards-[0-9a-f]{64}.jsonl`, { name: 'manifest-part', mend: 'rebuild' }],
    [
      `quarantine/${ID}/${ID}.jsonl`,
      { name: 'quarantine', mend: 'rebuild', schema: quarantineEntrySchema, lines: true },
    ],
    [`plugins/[0-9a-f]{64}.mjs`, { name: 'plugin', mend: 'restore' }],
    [`runs/${ID}/config.json`, { name: 'config', mend: 'restore', schema: anyConfigSchema }],
    [`runs/${ID}/dataset.json`, { name: 'run-dataset', mend: 'restore', schema: datasetReferenceSchema }],
    [`runs/${ID}/schedules/${ID}.json`, { name: 'schedule', mend: 'restore', schema: scheduleRecordSchema }],
    [`runs/${ID}/claim.json`, { name: 'hint', mend: 'remake', schema: anyJson }],
    [`runs/${ID}/metrics.jsonl`, { name: 'metrics', mend: 'train', schema: epochMetricsSchema, lines: true }],
    [`runs/${ID}/checkpoints/step-\\d+.safetensors`, { name: 'checkpoint', mend: 'train' }],
    [`runs/${ID}/checkpoints/best.safetensors`, { name: 'best-checkpoint', mend: 'train' }],
    [`runs/${ID}/model.safetensors`, { name: 'weights', mend: 'train' }],
    [`runs/${ID}/result.json`, { name: 'result', mend: 'train', schema: trainingResultSchema }],
    [`runs/${ID}/features/${ID}.arrow`, { name: 'features', mend: 'evaluate' }],
    [`runs/${ID}/evaluation.json`, { name: 'evaluation', mend: 'evaluate', schema: evaluationResultSchema }],
    [`runs/${ID}/summary.json`, { name: 'summary', mend: 'report', schema: summarySchema }],
    [`(runs|models|experiments|searches)/${ID}/report/.+`, { name: 'page', mend: 'report' }],
    [`runs/${ID}/tensorboard/.+`, { name: 'tensorboard', mend: 'remake' }],
    [
      `models/${ID}/versions/\\d+.json`,
      { name: 'model-version', mend: 'restore', schema: modelVersionSchema },
    ],
    [`models/${ID}/moves/\\d+.json`, { name: 'model-move', mend: 'restore', schema: modelMoveSchema }],
    [
      `models/${ID}/answers/\\d+.json`,
      { name: 'answer-window', mend: 'restore', schema: answerWindowSchema },
    ],
    [`models/${ID}/current.json`, { name: 'current-model', mend: 'remake', schema: currentModelSchema }],
    [
      `models/${ID}/windows/\\d+.opened.json`,
      { name: 'window-opening', mend: 'restore', schema: windowOpeningSchema },
    ],
    [
      `models/${ID}/windows/\\d+.start.json`,
      { name: 'window-start', mend: 'restore', schema: windowStartSchema },
    ],
    [
      `models/${ID}/windows/\\d+.against-\\d+.json`,
      { name: 'comparison', mend: 'restore', schema: windowComparisonSchema },
    ],
    [
      `models/${ID}/windows/\\d+.outcome.json`,
      { name: 'window-outcome', mend: 'restore', schema: windowOutcomeSchema },
    ],
    [
      `models/${ID}/windows/\\d+.stream-\\d+.json`,
      { name: 'window-manifest', mend: 'restore', schema: streamManifestSchema },
    ],
    [`models/${ID}/windows/\\d+.json`, { name: 'window', mend: 'restore', schema: retrainWindowSchema }],
    [
      `experiments/${ID}/config.json`,
      { name: 'experiment', mend: 'restore', schema: experimentConfigSchema },
    ],
    [`experiments/${ID}/failures/.+.json`, { name: 'failure', mend: 'report', schema: failureSchema }],
    [
      `experiments/${ID}/summary.json`,
      { name: 'experiment-summary', mend: 'report', schema: experimentSummarySchema },
    ],
    [`searches/${ID}/config.json`, { name: 'search', mend: 'restore', schema: searchConfigSchema }],
    [`searches/${ID}/rungs/\\d+.json`, { name: 'rung', mend: 'restore', schema: rungTrialsSchema }],
    [`searches/${ID}/summary.json`, { name: 'search-summary', mend: 'report', schema: searchSummarySchema }],
    [`(experiments|searches)/.+`, { name: 'table', mend: 'report' }],
  ] as const
).map(([pattern, kind]) => [new RegExp(`^${pattern.replaceAll(/(?<!\\)\.(?!\+)/gu, '\\.')}$`, 'u'), kind]);

/** @returns undefined for a file that is none of ours */
export function kindOf(path: string): FileKind | undefined {
  return KINDS.find(([pattern]) => pattern.test(path))?.[1];
}
