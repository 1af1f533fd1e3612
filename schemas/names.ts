/**
 * Every name that two parts must agree on, once: store paths, task queues, environment variables.
 */
import type { Split } from './clip.ts';

/** Paths within a store, always with `/`. */
export const storePaths = {
  dataset: (name: string) => `datasets/${name}`,
  manifest: (name: string, version: string) => `datasets/${name}/${version}/manifest.json`,
  /** Some of the shards of a version that has very many. */
  manifestPart: (name: string, version: string, sha256: string) =>
    `datasets/${name}/${version}/shards-${sha256}.jsonl`,
  /** Shards are shared by a dataset's versions: a version names the ones it is made of. */
  shard: (name: string, split: Split, key: string) => `datasets/${name}/shards/${split}-${key}.arrow`,
  shardEntry: (name: string, split: Split, key: string) => `datasets/${name}/shards/${split}-${key}.json`,
  plan: (name: string, planId: string) => `datasets/${name}/plans/${planId}.json`,
  /** The plan's shards: a line each, then the places of the lines. */
  planBody: (name: string, planId: string, hash: string) => `datasets/${name}/plans/${planId}-${hash}.jsonl`,
  /** A plan of format 1, header and shards in one. */
  planFormat1: (name: string, planId: string) => `datasets/${name}/plans/${planId}.jsonl`,
  /** Which of a plan's shards one rebuild has to build. */
  shardList: (name: string, planId: string, hash: string) => `datasets/${name}/plans/${planId}-${hash}.todo`,
  /** Names the newest plan with the same features, whose shards the next plan takes rows from. */
  latestPlan: (name: string, featureKey: string) => `datasets/${name}/plans/latest-${featureKey}.json`,
  /** Content hashes by path, size and time, so that an unchanged file is not read again. */
  sourceHashesFolder: (name: string) => `datasets/${name}/source-hashes`,
  /** @param part the first digits of the hashes of the paths in it; empty where one file has all */
  sourceHashes: (name: string, part: string) =>
    `datasets/${name}/source-hashes/${part === '' ? 'all' : part}.jsonl`,
  /** Of earlier releases, all in one. */
  sourceHashesFormat1: (name: string) => `datasets/${name}/source-hashes.json`,
  quarantine: (name: string, version: string) => `quarantine/${name}/${version}.jsonl`,
  /** The bundled code of a plug-in, by its hash. */
  plugin: (sha256: string) => `plugins/${sha256}.mjs`,
  /** A folder a run, and one a training. */
  runs: 'runs',
  run: (runId: string) => `runs/${runId}`,
  runConfig: (runId: string) => `runs/${runId}/config.json`,
  /** The dataset version that this run's last rebuild published. */
  runDataset: (runId: string) => `runs/${runId}/dataset.json`,
  /** There while the run is scheduled. */
  runSchedule: (runId: string, work: string) => `runs/${runId}/schedules/${work}.json`,
  metrics: (trainingId: string) => `runs/${trainingId}/metrics.jsonl`,
  checkpoints: (trainingId: string) => `runs/${trainingId}/checkpoints`,
  checkpoint: (trainingId: string, step: number) =>
    `runs/${trainingId}/checkpoints/step-${String(step).padStart(9, '0')}.safetensors`,
  bestCheckpoint: (trainingId: string) => `runs/${trainingId}/checkpoints/best.safetensors`,
  /** Weights alone, written when training is complete. */
  model: (trainingId: string) => `runs/${trainingId}/model.safetensors`,
  /** There while a process trains it: who that is. */
  trainingClaim: (trainingId: string) => `runs/${trainingId}/claim.json`,
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
  /** An experiment's matrix; what comes out of it lies beside it. */
  experimentConfig: (id: string) => `experiments/${id}/config.json`,
  /** Why a training, or with no method a run of the matrix, came to nothing. */
  experimentFailure: (id: string, runId: string, method?: string, seed?: number) =>
    method === undefined
      ? `experiments/${id}/failures/${runId}/dataset.json`
      : `experiments/${id}/failures/${runId}/${method}-s${String(seed)}.json`,
  /** A row a training × metric. */
  experimentArrow: (id: string) => `experiments/${id}/result.arrow`,
  experimentCsv: (id: string) => `experiments/${id}/result.csv`,
  experimentSummary: (id: string) => `experiments/${id}/summary.json`,
  experimentReport: (id: string) => `experiments/${id}/report/index.html`,
  /** What a search asks; what comes out of it lies beside it. */
  searchConfig: (id: string) => `searches/${id}/config.json`,
  /** The trainings of a rung, from 0: a list of its trials by method. */
  searchRung: (id: string, rung: number) => `searches/${id}/rungs/${String(rung)}.json`,
  /** Why a training came to nothing. */
  searchFailure: (id: string, runId: string, method: string, seed: number) =>
    `searches/${id}/failures/${runId}/${method}-s${String(seed)}.json`,
  /** A row a training. */
  searchCsv: (id: string) => `searches/${id}/result.csv`,
  searchSummary: (id: string) => `searches/${id}/summary.json`,
  searchReport: (id: string) => `searches/${id}/report/index.html`,
  /** A run's config with what was found, for `modalmix run`. */
  searchBest: (id: string, method: string) => `searches/${id}/best-${method}.yaml`,
  /** Everything that came by stream, for one way of extracting it. */
  stream: (name: string, extractionKey: string) => `datasets/${name}/stream/${extractionKey}`,
  streamManifests: (name: string, extractionKey: string) =>
    `datasets/${name}/stream/${extractionKey}/manifests`,
  streamManifest: (name: string, extractionKey: string, generation: number) =>
    `datasets/${name}/stream/${extractionKey}/manifests/${String(generation).padStart(12, '0')}.json`,
  streamSegments: (name: string, extractionKey: string) =>
    `datasets/${name}/stream/${extractionKey}/segments`,
  /** What a part of the manifests' lists says, by its hash. */
  streamSegment: (name: string, extractionKey: string, sha256: string) =>
    `datasets/${name}/stream/${extractionKey}/segments/${sha256}.json`,
  streamShards: (name: string, extractionKey: string) => `datasets/${name}/stream/${extractionKey}/shards`,
  streamShard: (name: string, extractionKey: string, split: Split, key: string) =>
    `datasets/${name}/stream/${extractionKey}/shards/${split}-${key}.arrow`,
  /** A line a row of that shard: who it is and which event it came from. */
  streamShardRows: (name: string, extractionKey: string, split: Split, key: string) =>
    `datasets/${name}/stream/${extractionKey}/shards/${split}-${key}.rows.jsonl`,
  /** A folder a model. */
  models: 'models',
  modelVersions: (model: string) => `models/${model}/versions`,
  modelVersion: (model: string, version: number) => `models/${model}/versions/${String(version)}.json`,
  /** The log of what `current` was; the highest number counts. */
  modelMoves: (model: string) => `models/${model}/moves`,
  modelMove: (model: string, number: number) => `models/${model}/moves/${String(number)}.json`,
  currentModel: (model: string) => `models/${model}/current.json`,
  /** What was told of the answers on the stream. */
  answerWindows: (model: string) => `models/${model}/answers`,
  answerWindow: (model: string, window: number) => `models/${model}/answers/${String(window)}.json`,
  modelReport: (model: string) => `models/${model}/report/index.html`,
  retrainWindows: (model: string) => `models/${model}/windows`,
  retrainWindow: (model: string, window: number) => `models/${model}/windows/${String(window)}.json`,
  /** When the open window's first new clip was seen; created once. */
  retrainWindowOpening: (model: string, window: number) =>
    `models/${model}/windows/${String(window)}.opened.json`,
  /** The stream's manifest as it was when the window closed. */
  retrainWindowManifest: (model: string, window: number, generation: number) =>
    `models/${model}/windows/${String(window)}.stream-${String(generation)}.json`,
  /** The snapshot's version and the version of the model that were fixed when its work began. */
  retrainWindowStart: (model: string, window: number) =>
    `models/${model}/windows/${String(window)}.start.json`,
  /** Comparison and drift against a version of the model. */
  retrainWindowComparison: (model: string, window: number, against: number) =>
    `models/${model}/windows/${String(window)}.against-${String(against)}.json`,
  /** Written last: the window is done with. */
  retrainWindowOutcome: (model: string, window: number) =>
    `models/${model}/windows/${String(window)}.outcome.json`,
} as const;

/** Temporal task queues: ffmpeg work, training (one slot per GPU), everything else. */
export const TASK_QUEUES = {
  media: 'modalmix-media',
  training: 'modalmix-training',
  control: 'modalmix-control',
} as const;

/**
 * Where activities wait for other workflows: theirs are slots that no work needs. Whoever works for the queue `control`
 * works for it too.
 */
export const WAITING_QUEUE = 'modalmix-waiting';

/** Kafka topics and consumer groups; a prefix of its own separates installations that share a cluster. */
export function topicNames(prefix: string) {
  return {
    clips: `${prefix}.clips`,
    features: `${prefix}.features`,
    deadLetter: `${prefix}.dead-letter`,
    predictions: `${prefix}.predictions`,
    review: `${prefix}.review`,
  };
}
export type TopicNames = ReturnType<typeof topicNames>;
export const TOPICS = topicNames('modalmix');
export function consumerGroups(prefix: string, dataset: string) {
  return {
    ingest: `${prefix}.ingest.${dataset}`,
    sink: `${prefix}.sink.${dataset}`,
    predict: `${prefix}.predict.${dataset}`,
    /** Reads offset ranges; never commits. */
    ranges: `${prefix}.ranges.${dataset}`,
  };
}

export const ENVIRONMENT = {
  /** host:port,… of Kafka brokers; unset: the embedded one. */
  kafkaBrokers: 'KAFKA_BROKERS',
  kafkaClientId: 'KAFKA_CLIENT_ID',
  /** PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. */
  kafkaSaslMechanism: 'KAFKA_SASL_MECHANISM',
  kafkaSaslUsername: 'KAFKA_SASL_USERNAME',
  kafkaSaslPassword: 'KAFKA_SASL_PASSWORD',
  /** `true` for TLS with the system's authorities; naming a CA or a client certificate turns it on too. */
  kafkaTls: 'KAFKA_TLS',
  kafkaTlsCa: 'KAFKA_TLS_CA_PATH',
  kafkaTlsCert: 'KAFKA_TLS_CLIENT_CERT_PATH',
  kafkaTlsKey: 'KAFKA_TLS_CLIENT_KEY_PATH',
  kafkaTlsKeyPassword: 'KAFKA_TLS_CLIENT_KEY_PASSWORD',
  /** host:port of a Temporal server; unset: the embedded one. */
  temporalAddress: 'TEMPORAL_ADDRESS',
  temporalNamespace: 'TEMPORAL_NAMESPACE',
  temporalApiKey: 'TEMPORAL_API_KEY',
  temporalTlsCert: 'TEMPORAL_TLS_CLIENT_CERT_PATH',
  temporalTlsKey: 'TEMPORAL_TLS_CLIENT_KEY_PATH',
  temporalTlsCa: 'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
  temporalTlsServerName: 'TEMPORAL_TLS_SERVER_NAME',
  /** Keys that runs on a Temporal server of one's own are signed with, the newest first; unset: they are not signed. */
  signingKeys: 'MODALMIX_SIGNING_KEYS',
  /** A file of them. */
  signingKeysFile: 'MODALMIX_SIGNING_KEYS_FILE',
  /** Keys that Temporal payloads are encrypted with, the newest first; unset: they are not encrypted. */
  codecKeys: 'MODALMIX_CODEC_KEYS',
  codecKeysFile: 'MODALMIX_CODEC_KEYS_FILE',
  /** What `modalmix serve` asks its clients for; unset: nothing, and it answers on the loopback alone. */
  serveToken: 'MODALMIX_SERVE_TOKEN',
  /** A file with it. */
  serveTokenFile: 'MODALMIX_SERVE_TOKEN_FILE',
  /** Where set-up keeps native parts; default: `modalmix` in the user's cache folder. */
  cache: 'MODALMIX_CACHE',
  /** Address of a Maven repository, for the embedded broker's jars where there is no Maven. */
  mavenRepository: 'MODALMIX_MAVEN_REPOSITORY',
  /** Where the embedded servers keep their state; default: `.modalmix` in the working folder. */
  home: 'MODALMIX_HOME',
  /** GiB of local copies that a machine keeps of an S3 store's files; default: 50. */
  s3CacheGib: 'MODALMIX_S3_CACHE_GIB',
  /** Seconds a worker may be silent before its work goes to another one; default: 15. */
  heartbeatTimeoutS: 'MODALMIX_HEARTBEAT_TIMEOUT',
  /** Shards that a rebuild has in flight at once; default: 32. */
  shardsInFlight: 'MODALMIX_SHARDS_IN_FLIGHT',
  /** Activities at a time of workers that are given no `--slots`: `media=2,training=1`; unset: by the machine. */
  slots: 'MODALMIX_SLOTS',
  /** What extracts: auto (the default: node-av where it works, else ffmpeg), node-av or ffmpeg. */
  extractor: 'MODALMIX_EXTRACTOR',
  /** What TensorFlow is set up for and computes on: auto (the default: an NVIDIA GPU where there is one), cpu, gpu, webgpu. */
  engine: 'MODALMIX_ENGINE',
  /** The name, or a part of it, of the GPU that the engine `webgpu` is to take; unset: the fastest. */
  webgpuAdapter: 'MODALMIX_WEBGPU_ADAPTER',
  /** Secrets that notices to webhooks are signed with, the newest first. */
  webhookSecret: 'MODALMIX_WEBHOOK_SECRET',
  /** Who one is to the MLflow server: a token, or a name and a password. */
  mlflowToken: 'MLFLOW_TRACKING_TOKEN',
  mlflowUsername: 'MLFLOW_TRACKING_USERNAME',
  mlflowPassword: 'MLFLOW_TRACKING_PASSWORD',
  ffmpeg: 'FFMPEG_PATH',
  ffprobe: 'FFPROBE_PATH',
} as const;
