/** A stream of a test's own: clips, a store, topics on the test file's broker, and workers as processes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { stringify } from 'yaml';
import { ensureKafka, stopKafka } from '../../infra/kafka/ensure-kafka.ts';
import { fetchJars } from '../../infra/kafka/fetch-jars.ts';
import { streamSettings, type StreamSettings } from '../../pipelines/streaming/stream-settings.ts';
import { loadConfig } from '../../pipelines/config/load-config.ts';
import type { Extractor } from '../../pipelines/extraction/extractor.ts';
import type { ShardRow } from '../../pipelines/shards/read/row-reader.ts';
import { ShardFile } from '../../pipelines/shards/read/shard-file.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import type { KafkaConnection } from '../../pipelines/streaming/kafka/connection.ts';
import { findStreamManifest } from '../../pipelines/streaming/sink/stream-manifest.ts';
import { extractionKeyOfTarget } from '../../pipelines/streaming/stream-target.ts';
import type { StreamRole } from '../../pipelines/streaming/metrics.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { streamRowSchema, type StreamManifest, type StreamRow } from '../../schemas/stream.ts';

const WORKER = fileURLToPath(new URL('../../infra/workers/stream-worker-main.ts', import.meta.url));
const POLL_MS = 200;

/** A broker in a home folder of its own. Call once a test file. */
export async function startTestBroker(): Promise<{ home: string; stop: () => Promise<void> }> {
  const home = await mkdtemp(join(tmpdir(), 'modalmix-stream-'));
  process.env[ENVIRONMENT.home] = home;
  await fetchJars();
  await ensureKafka();
  return {
    home,
    stop: async () => {
      await stopKafka();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** The broker of a test file, there from its first test to its last. */
export function brokerOfFile(patienceMs: number): { readonly home: string } {
  let broker: Awaited<ReturnType<typeof startTestBroker>>;
  beforeAll(async () => {
    broker = await startTestBroker();
  }, patienceMs);
  afterAll(async () => await broker.stop(), patienceMs);
  return {
    get home() {
      return broker.home;
    },
  };
}

export interface LiveRow extends StreamRow {
  readonly features: ShardRow;
}

export interface StreamFixture {
  readonly configFile: string;
  readonly settings: StreamSettings;
  readonly store: Store;
  connection(): Promise<KafkaConnection>;
  /** Starts a worker as a process of its own. */
  start(role: StreamRole, id?: string): ChildProcess;
  /** Everything the workers wrote to their logs. */
  logs(): Promise<string>;
  manifest(): Promise<StreamManifest | undefined>;
  /** The rows that count, with their features. */
  liveRows(): Promise<LiveRow[]>;
}

/**
 * @param clips folder of clips, which is also the allowed root
 * @param more of the config's sections beside the stream's
 */
export async function createStream(
  home: string,
  name: string,
  clips: string,
  extractor: Extractor,
  stream: object = {},
  video: object = { fps: 2, frames: 2, shortSide: 32 },
  storeUri = `file:${join(home, 'store')}`,
  more: object = {},
): Promise<StreamFixture> {
  const configFile = join(home, `${name}.yaml`);
  const config = {
    name,
    store: storeUri,
    dataset: { format: 'folder', root: clips, classes: ['high', 'low'], testShare: 0.2 },
    extraction: {
      modalities: ['audio', 'rgb'],
      audio: { sampleRateHz: 8_000, nFft: 128, hop: 64, durationS: 1 },
      video,
      limits: { clipMaxMiB: 1 },
    },
    stream: {
      topicPrefix: name,
      topics: { partitions: 4 },
      ingest: { concurrency: 2, maxInFlight: 8, metricsPort: 0 },
      sink: { flushRows: 7, flushS: 0.5, metricsPort: 0 },
      ...stream,
    },
    ...more,
  };
  await writeFile(configFile, stringify(config));
  const settings = await streamSettings(await loadConfig(configFile), extractor.version);
  const store = openStore(config.store);
  const log = join(home, `${name}.log`);
  const manifest = async () => await findStreamManifest(store, name, extractionKeyOfTarget(settings.target));
  return {
    configFile,
    settings,
    store,
    connection: async () => (await ensureKafka()).connection,
    start: (role, id) => {
      const output = openSync(log, 'a');
      const words = ['--role', role, '--config', configFile, ...(id === undefined ? [] : ['--id', id])];
      return spawn(process.execPath, ['--import', import.meta.resolve('tsx'), WORKER, ...words], {
        stdio: ['ignore', output, output],
      });
    },
    logs: async () => await readFile(log, 'utf8'),
    manifest,
    liveRows: async () => {
      const found = await manifest();
      return found === undefined ? [] : await readLiveRows(store, found);
    },
  };
}

export async function readLiveRows(store: Store, manifest: StreamManifest): Promise<LiveRow[]> {
  const gone = new Set(manifest.superseded.map(({ shard, row }) => `${shard}#${String(row)}`));
  const live: LiveRow[] = [];
  for (const { entry, rowsPath } of manifest.shards) {
    const file = await ShardFile.open(store, entry, ['audio', 'rgb']);
    const rows = (await store.get(rowsPath)).toString().trim().split('\n');
    if (rows.length !== file.rows) throw new Error(`${entry.path}: ${rowsPath} has another number of rows`);
    for (const [row, line] of rows.entries()) {
      if (gone.has(`${entry.path}#${String(row)}`)) continue;
      const facts = streamRowSchema.parse(JSON.parse(line));
      if (file.table.clipIds[row] !== facts.clipId || file.table.labels[row] !== facts.label) {
        throw new Error(`${entry.path}: row ${String(row)} is another clip than its line says`);
      }
      live.push({ ...facts, features: file.read(row) });
    }
    file.close();
  }
  return live;
}

export async function endWorker(worker: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const ended = once(worker, 'exit');
  worker.kill(signal);
  await ended;
}

/** Polls until `look` gives something; fails with what it is waiting for. */
export async function eventually<T>(
  what: string,
  withinMs: number,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`waited ${String(withinMs)} ms for: ${what}`);
    await sleep(POLL_MS);
  }
}
