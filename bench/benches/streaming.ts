/** Features → shards, beside the broker's own tools and the disk, on the same records in the same run. */
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { brokerToolSettings } from '../../infra/kafka/broker-access.ts';
import { requireClassPath, requireJava } from '../../infra/kafka/jars.ts';
import { disconnect } from '../../pipelines/streaming/kafka/clients.ts';
import type { KafkaConnection } from '../../pipelines/streaming/kafka/connection.ts';
import { deliver } from '../../pipelines/streaming/kafka/deliver.ts';
import { findStreamManifest } from '../../pipelines/streaming/sink/stream-manifest.ts';
import {
  extractionKeyOfTarget,
  topicsOf,
  type StreamTarget,
} from '../../pipelines/streaming/stream-target.ts';
import { ensureTopics, maxFeatureBytes } from '../../pipelines/streaming/kafka/topics.ts';
import type { Bench, BenchContext } from '../harness/bench.ts';
import type { Figure } from '../harness/figure.ts';
import { inTurns, secondsOf } from '../harness/in-turns.ts';
import {
  connectFeatureProducer,
  featureRecord,
  startSink,
  taken,
  targetOf,
  withBroker,
} from './stream-parts.ts';

const RECORDS = 2_000;
const PRODUCED_RECORDS = 500;
const QUICK_RECORDS = 100;
const MAX_IN_FLIGHT = 64;
const NEVER_S = 86_400;
const POLL_MS = 20;
const BYTES_PER_MB = 1e6;
const BYTES_PER_MIB = 2 ** 20;
/** Columns of the consumer tool's summary, in MiB/s. */
const CONSUMER_COLUMNS = { all: 3, fetching: 8 } as const;

export const bench: Bench = {
  title: 'Streaming: features → shards',
  method:
    'Records of 0.98 MB (a row of the default extraction) on four partitions of the embedded broker on the same machine, read by the product’s sink, which writes shards and publishes them durably, and by the broker’s own tool, which throws them away; the disk is one plain file of the same bytes with one fsync. The tool has read all of it once before the rounds begin, and what is unwritten is written before each contender begins.',
  measure,
};

async function measure(context: BenchContext): Promise<Figure[]> {
  return await withBroker(context.scratch, async (connection) => [
    ...(await measureConsumers(context, connection)),
    ...(await measureProducers(context, connection)),
  ]);
}

async function measureConsumers(
  { quick, rounds, scratch, say }: BenchContext,
  connection: KafkaConnection,
): Promise<Figure[]> {
  const records = quick ? QUICK_RECORDS : RECORDS;
  const target = targetOf({ name: 'all', flushS: NEVER_S });
  await ensureTopics(connection, target.stream);
  const producer = await connectFeatureProducer(connection, target);
  await deliver(producer, outgoing(target, records), MAX_IN_FLIGHT);
  await disconnect(producer);
  const megabytes = (records * featureRecord(0, target).length) / BYTES_PER_MB;
  const fetching: number[] = [];
  const cpuS: number[] = [];
  let round = 0;
  // So that the broker's own code is warm for whoever comes first.
  await consumerTool(connection, topicsOf(target).features, records);
  const { tool, sink, disk } = await inTurns(rounds, {
    tool: async () => {
      await settleDisk();
      const summary = await consumerTool(connection, topicsOf(target).features, records);
      fetching.push(summary.fetching);
      say(`kafka-consumer-perf-test ${summary.all.toFixed(0)} MB/s, fetching ${summary.fetching.toFixed(0)}`);
      return summary.all;
    },
    sink: async () => {
      await settleDisk();
      round += 1;
      const dataset = targetOf({ name: `round-${round}`, topicPrefix: 'all', flushS: NEVER_S });
      const before = process.cpuUsage();
      const seconds = await secondsOf(async () => {
        await sinkAll(connection, dataset, scratch, records);
      });
      const { user, system } = process.cpuUsage(before);
      cpuS.push((user + system) / 1e6 / (megabytes / 1_000));
      await rm(join(scratch, 'stores'), { recursive: true });
      say(`features → shards ${(megabytes / seconds).toFixed(0)} MB/s, ${cpuS.at(-1)!.toFixed(1)} CPU s/GB`);
      return megabytes / seconds;
    },
    disk: async () => {
      await settleDisk();
      const seconds = await secondsOf(async () => {
        await writePlainly(join(scratch, 'plain'), records, target);
      });
      await rm(join(scratch, 'plain'));
      say(`plain durable file ${(megabytes / seconds).toFixed(0)} MB/s`);
      return megabytes / seconds;
    },
  });
  const common = { unit: 'MB/s', better: 'higher', ours: sink } as const;
  const toolName = 'kafka-consumer-perf-test';
  return [
    { name: 'Features → shards', ...common, peer: { name: toolName, samples: tool }, goal: { ratio: 0.8 } },
    {
      ...{ name: 'Features → shards, the tool without joining its group', ...common },
      peer: { name: `${toolName}, fetch.MB.sec`, samples: fetching },
    },
    {
      ...{ name: 'Features → shards, of what the disk takes', ...common },
      peer: { name: 'plain file, fsync', samples: disk },
    },
    { name: 'Processor time of the sink', unit: 's/GB', better: 'lower', ours: cpuS },
  ];
}

async function sinkAll(
  connection: KafkaConnection,
  target: StreamTarget,
  scratch: string,
  records: number,
): Promise<void> {
  const { metrics, stop, store } = startSink(connection, target, scratch);
  while ((await taken(metrics)) < records) await sleep(POLL_MS);
  await stop();
  const manifest = await findStreamManifest(store, target.name, extractionKeyOfTarget(target));
  if (manifest?.counts.rows !== records) throw new Error(`the shards hold ${manifest?.counts.rows} rows`);
}

async function measureProducers(
  { quick, rounds, say }: BenchContext,
  connection: KafkaConnection,
): Promise<Figure[]> {
  const records = quick ? QUICK_RECORDS : PRODUCED_RECORDS;
  const target = targetOf({ name: 'produced', flushS: NEVER_S });
  await ensureTopics(connection, target.stream);
  const size = featureRecord(0, target).length;
  const { ours, tool } = await inTurns(rounds, {
    ours: async () => {
      await settleDisk();
      // Made before the clock starts, as the tool makes its payload.
      const made = [...outgoing(target, records)];
      const producer = await connectFeatureProducer(connection, target);
      const seconds = await secondsOf(async () => await deliver(producer, made, MAX_IN_FLIGHT));
      await disconnect(producer);
      return (records * size) / BYTES_PER_MB / seconds;
    },
    tool: async () => {
      await settleDisk();
      return await producerTool(connection, target, records, size);
    },
  });
  say(`producer ${ours.at(-1)!.toFixed(0)} MB/s, kafka-producer-perf-test ${tool.at(-1)!.toFixed(0)} MB/s`);
  const peer = { name: 'kafka-producer-perf-test, acks=all', samples: tool };
  return [{ name: 'Features → topic', unit: 'MB/s', better: 'higher', ours, peer }];
}

function* outgoing(target: StreamTarget, records: number) {
  const topic = topicsOf(target).features;
  for (let i = 0; i < records; i += 1) yield { topic, key: `clip-${i}`, value: featureRecord(i, target) };
}

/** The records' bytes one after another in one file, then one fsync: what the disk takes at the most. */
async function writePlainly(path: string, records: number, target: StreamTarget): Promise<void> {
  const group = Array.from({ length: 16 }, (_, i) => featureRecord(i, target));
  const file = await open(path, 'wx');
  try {
    for (let i = 0; i < records; i += group.length) await file.writev(group.slice(0, records - i));
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The broker writes back later what it has taken: not at the cost of whoever comes next. */
async function settleDisk(): Promise<void> {
  await execa('sync');
}

async function consumerTool(connection: KafkaConnection, topic: string, records: number) {
  const cells = (
    await kafkaTool('org.apache.kafka.tools.ConsumerPerformance', [
      ...['--topic', topic, '--messages', String(records)],
      ...['--bootstrap-server', connection.brokers.join(','), '--timeout', '60000'],
      ...['--consumer.config', brokerToolSettings()],
    ])
  ).split(',');
  const rate = (column: number) => (Number(cells[column]) * BYTES_PER_MIB) / BYTES_PER_MB;
  return { all: rate(CONSUMER_COLUMNS.all), fetching: rate(CONSUMER_COLUMNS.fetching) };
}

async function producerTool(
  connection: KafkaConnection,
  target: StreamTarget,
  records: number,
  size: number,
): Promise<number> {
  const summary = await kafkaTool('org.apache.kafka.tools.ProducerPerformance', [
    ...['--topic', topicsOf(target).features, '--num-records', String(records)],
    ...['--record-size', String(size), '--throughput', '-1'],
    ...['--producer.config', brokerToolSettings(), '--producer-props'],
    ...[`bootstrap.servers=${connection.brokers.join(',')}`, 'acks=all'],
    `max.request.size=${maxFeatureBytes(target.stream)}`,
  ]);
  return (Number(/\(([\d.]+) MB\/sec\)/u.exec(summary)?.[1]) * BYTES_PER_MIB) / BYTES_PER_MB;
}

/** @returns the last line that the tool printed */
async function kafkaTool(tool: string, words: readonly string[]): Promise<string> {
  const { stdout } = await execa(requireJava(), ['-Xmx512m', '-cp', requireClassPath(), tool, ...words]);
  return stdout.trim().split('\n').at(-1) ?? '';
}
