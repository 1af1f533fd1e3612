/**
 * Features → shards against the broker's own tools, in one run on one broker:
 * `tsx bench/streaming.ts [records] [rounds]`. Prints one JSON object.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { ensureKafka, stopKafka } from '../infra/kafka/ensure-kafka.ts';
import { fetchJars, requireClassPath, requireJava } from '../infra/kafka/jars.ts';
import { openStore } from '../pipelines/store/store.ts';
import { connectProducer, disconnect } from '../pipelines/streaming/clients.ts';
import type { KafkaConnection } from '../pipelines/streaming/connection.ts';
import { deliver } from '../pipelines/streaming/deliver.ts';
import { encodeFeatureRecord } from '../pipelines/streaming/feature-record.ts';
import { SILENT_LOG } from '../pipelines/streaming/log.ts';
import { StreamMetrics } from '../pipelines/streaming/metrics.ts';
import { runSink } from '../pipelines/streaming/sink.ts';
import { findStreamManifest } from '../pipelines/streaming/stream-manifest.ts';
import { extractionKeyOfTarget, topicsOf, type StreamTarget } from '../pipelines/streaming/stream-target.ts';
import { ensureTopics, maxFeatureBytes } from '../pipelines/streaming/topics.ts';
import { extractionConfigSchema } from '../schemas/config.ts';
import { ENVIRONMENT } from '../schemas/names.ts';
import { streamConfigSchema } from '../schemas/stream-config.ts';

const records = Number(process.argv[2] ?? 1_000);
const rounds = Number(process.argv[3] ?? 2);
const PARTITIONS = 4;
const LATENCY_EVENTS = 200;
const POLL_MS = 20;
const BYTES_PER_MB = 1e6;
const SHARES = { test: 0.2, validation: 0.1 };

const home = await mkdtemp(join(tmpdir(), 'modalmix-bench-'));
process.env[ENVIRONMENT.home] = home;
try {
  await fetchJars();
  const { connection } = await ensureKafka();
  const results = [];
  for (let round = 0; round < rounds; round += 1) results.push(await measureThroughput(connection, round));
  const latency = await measureLatency(connection);
  const recordBytes = record(0, targetOf('size', 1)).length;
  process.stdout.write(`${JSON.stringify({ records, recordBytes, results, latency }, undefined, 2)}\n`);
} finally {
  await stopKafka();
  await rm(home, { recursive: true, force: true });
}

function targetOf(name: string, flushS: number): StreamTarget {
  return {
    name,
    classNames: ['a', 'b'],
    extraction: extractionConfigSchema.parse({}),
    extractorVersion: 'bench',
    stream: streamConfigSchema.parse({
      topicPrefix: name,
      topics: { partitions: PARTITIONS },
      sink: { flushRows: 1_000_000, flushMiB: 96, flushS },
    }),
  };
}

/** A row of the default extraction: 257 × 188 floats and three frames of 341 × 256. */
function record(index: number, target: StreamTarget): Buffer {
  const audio = new Float32Array(257 * 188).fill(index / 7);
  const rgb = new Uint8Array(3 * 256 * 341 * 3).fill(index % 256);
  const { buffer, byteOffset, byteLength } = encodeFeatureRecord({
    clipId: `clip-${String(index)}`,
    label: index % 2 === 0 ? 'a' : 'b',
    contentHash: String(index).padStart(64, '0'),
    extractionKey: extractionKeyOfTarget(target),
    sentAt: new Date().toISOString(),
    source: { topic: 'bench', partition: 0, offset: index },
    features: {
      audio: { data: audio, shape: [257, 188] },
      rgb: { data: rgb, shape: [3, 256, 341, 3] },
      missing: {},
    },
  });
  return Buffer.from(buffer, byteOffset, byteLength);
}

async function measureThroughput(connection: KafkaConnection, round: number) {
  const target = targetOf(`bench-${String(round)}`, 3_600);
  const topics = await ensureTopics(connection, target.stream);
  const toolTopic = topicsOf(targetOf(`tool-${String(round)}`, 1)).features;
  await ensureTopics(connection, targetOf(`tool-${String(round)}`, 1).stream);
  const size = record(0, target).length;
  const servers = connection.brokers.join(',');
  const largest = String(maxFeatureBytes(target.stream));
  const kafkaProducerPerfTest = await kafkaTool('org.apache.kafka.tools.ProducerPerformance', [
    ...['--topic', toolTopic, '--num-records', String(records), '--record-size', String(size)],
    ...['--throughput', '-1', '--producer-props', `bootstrap.servers=${servers}`, 'acks=all'],
    `max.request.size=${largest}`,
  ]);
  const kafkaConsumerPerfTest = await kafkaTool('org.apache.kafka.tools.ConsumerPerformance', [
    ...['--topic', toolTopic, '--messages', String(records), '--bootstrap-server', servers],
    ...['--timeout', '60000'],
  ]);
  // Made before the clock starts, as the tool makes its payload.
  const made = Array.from({ length: records }, (_, index) => record(index, target));
  const producer = await connectBenchProducer(connection, target);
  const produceStart = performance.now();
  const outgoing = made.map((value, i) => ({ topic: topics.features, key: `clip-${String(i)}`, value }));
  await deliver(producer, outgoing, 64);
  const produceS = (performance.now() - produceStart) / 1_000;
  await disconnect(producer);

  const metrics = new StreamMetrics('sink');
  const sinkStart = performance.now();
  const { stop, store } = startSink(connection, target, metrics);
  while ((await taken(metrics)) < records) await sleep(POLL_MS);
  await stop();
  const sinkS = (performance.now() - sinkStart) / 1_000;
  const manifest = await findStreamManifest(store, target.name, extractionKeyOfTarget(target));
  if (manifest?.counts.rows !== records) {
    throw new Error(`the shards hold ${String(manifest?.counts.rows)} rows`);
  }
  const megabytes = (records * size) / BYTES_PER_MB;
  return {
    kafkaProducerPerfTestMBps: kafkaProducerPerfTest,
    ourProducerMBps: megabytes / produceS,
    kafkaConsumerPerfTestMBps: kafkaConsumerPerfTest,
    featuresToShardsMBps: megabytes / sinkS,
    featuresToShardsRowsPerS: records / sinkS,
  };
}

async function connectBenchProducer(connection: KafkaConnection, target: StreamTarget) {
  return await connectProducer(connection, 'bench', {
    dr_cb: true,
    'message.max.bytes': maxFeatureBytes(target.stream),
  });
}

function startSink(connection: KafkaConnection, target: StreamTarget, metrics: StreamMetrics) {
  const store = openStore(`file:${join(home, 'stores', target.name)}`);
  const stopping = new AbortController();
  const sink = runSink({
    ...{
      target,
      store,
      metrics,
      log: SILENT_LOG,
      signal: stopping.signal,
      writerId: 'bench',
      shares: SHARES,
    },
    connect: async () => connection,
  });
  const stop = async () => {
    stopping.abort();
    await sink;
  };
  return { stop, store };
}

async function taken(metrics: StreamMetrics): Promise<number> {
  const { values } = await metrics.records.get();
  return values.reduce((sum, { value }) => sum + value, 0);
}

/** @returns MB/s as the tool reports it, in units of 10⁶ bytes */
async function kafkaTool(tool: string, words: readonly string[]): Promise<number> {
  const { stdout } = await execa(requireJava(), ['-Xmx512m', '-cp', requireClassPath(), tool, ...words]);
  const summary = stdout.trim().split('\n').at(-1) ?? '';
  const mebibytes = tool.includes('Producer')
    ? /\(([\d.]+) MB\/sec\)/u.exec(summary)?.[1]
    : summary.split(',').map((cell) => cell.trim())[3];
  return (Number(mebibytes) * 1_048_576) / BYTES_PER_MB;
}

/** Seconds from a record's `sentAt` to its row in a published shard, with `flushS` 1. */
async function measureLatency(connection: KafkaConnection) {
  const target = targetOf('latency', 1);
  const topics = await ensureTopics(connection, target.stream);
  const metrics = new StreamMetrics('sink');
  const samples: number[] = [];
  const observe = metrics.latency.observe.bind(metrics.latency);
  metrics.latency.observe = (seconds: unknown) => {
    samples.push(Number(seconds));
    observe(Number(seconds));
  };
  const { stop } = startSink(connection, target, metrics);
  const producer = await connectBenchProducer(connection, target);
  for (let i = 0; i < LATENCY_EVENTS; i += 1) {
    await deliver(producer, [{ topic: topics.features, key: `clip-${String(i)}`, value: record(i, target) }]);
    await sleep(POLL_MS);
  }
  while ((await taken(metrics)) < LATENCY_EVENTS) await sleep(POLL_MS);
  await stop();
  await disconnect(producer);
  samples.sort((a, b) => a - b);
  const quantile = (share: number) => samples[Math.floor(share * (samples.length - 1))];
  return { flushS: 1, samples: samples.length, p50S: quantile(0.5), p99S: quantile(0.99) };
}
