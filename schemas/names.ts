/**
 * Every name that two parts must agree on, once: store paths, task queues, environment variables.
 */
import type { Split } from './clip.ts';

/** Paths within a store, always with `/`. */
export const storePaths = {
  dataset: (name: string) => `datasets/${name}`,
  manifest: (name: string, version: string) => `datasets/${name}/${version}/manifest.json`,
  /** Shards are shared by a dataset's versions: a version names the ones it is made of. */
  shard: (name: string, split: Split, key: string) => `datasets/${name}/shards/${split}-${key}.arrow`,
  shardEntry: (name: string, split: Split, key: string) => `datasets/${name}/shards/${split}-${key}.json`,
  plan: (name: string, planId: string) => `datasets/${name}/plans/${planId}.jsonl`,
  /** Names the newest plan with the same features, whose shards the next plan takes rows from. */
  latestPlan: (name: string, featureKey: string) => `datasets/${name}/plans/latest-${featureKey}.json`,
  /** Content hashes by path, size and time, so that an unchanged file is not read again. */
  sourceHashes: (name: string) => `datasets/${name}/source-hashes.json`,
  quarantine: (name: string, version: string) => `quarantine/${name}/${version}.jsonl`,
  run: (runId: string) => `runs/${runId}`,
  runConfig: (runId: string) => `runs/${runId}/config.json`,
  /** The dataset version that this run's last rebuild published. */
  runDataset: (runId: string) => `runs/${runId}/dataset.json`,
  metrics: (trainingId: string) => `runs/${trainingId}/metrics.jsonl`,
  checkpoints: (trainingId: string) => `runs/${trainingId}/checkpoints`,
  checkpoint: (trainingId: string, step: number) =>
    `runs/${trainingId}/checkpoints/step-${String(step).padStart(9, '0')}.safetensors`,
  bestCheckpoint: (trainingId: string) => `runs/${trainingId}/checkpoints/best.safetensors`,
  /** Weights alone, written when training is complete. */
  model: (trainingId: string) => `runs/${trainingId}/model.safetensors`,
  /** Written last by training: its presence means the training is complete. */
  trainingResult: (trainingId: string) => `runs/${trainingId}/result.json`,
  features: (trainingId: string, split: Split) => `runs/${trainingId}/features/${split}.arrow`,
  umap: (trainingId: string) => `runs/${trainingId}/features/umap.arrow`,
  /** Written last by evaluation. */
  evaluation: (trainingId: string) => `runs/${trainingId}/evaluation.json`,
  tensorboard: (trainingId: string) => `runs/${trainingId}/tensorboard`,
  report: (runId: string) => `runs/${runId}/report/index.html`,
  /** The table of methods × accuracy as data. */
  summary: (runId: string) => `runs/${runId}/summary.json`,
} as const;

/** Temporal task queues: ffmpeg work, training (one slot per GPU), everything else. */
export const TASK_QUEUES = {
  media: 'modalmix-media',
  training: 'modalmix-training',
  control: 'modalmix-control',
} as const;

export const ENVIRONMENT = {
  /** host:port of a Temporal server; unset: the embedded one. */
  temporalAddress: 'TEMPORAL_ADDRESS',
  temporalNamespace: 'TEMPORAL_NAMESPACE',
  temporalApiKey: 'TEMPORAL_API_KEY',
  temporalTlsCert: 'TEMPORAL_TLS_CLIENT_CERT_PATH',
  temporalTlsKey: 'TEMPORAL_TLS_CLIENT_KEY_PATH',
  temporalTlsCa: 'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
  temporalTlsServerName: 'TEMPORAL_TLS_SERVER_NAME',
  /** Where set-up keeps native parts; default: `modalmix` in the user's cache folder. */
  cache: 'MODALMIX_CACHE',
  /** Where the embedded servers keep their state; default: `.modalmix` in the working folder. */
  home: 'MODALMIX_HOME',
  /** Seconds a worker may be silent before its work goes to another one; default: 15. */
  heartbeatTimeoutS: 'MODALMIX_HEARTBEAT_TIMEOUT',
  ffmpeg: 'FFMPEG_PATH',
  ffprobe: 'FFPROBE_PATH',
} as const;
