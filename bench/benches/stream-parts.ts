/** What the benches of the stream need: a broker of their own, records of the usual size, and the sink. */
import { join } from 'node:path';
import type { Histogram } from 'prom-client';
import { ensureKafka, stopKafka } from '../../infra/kafka/ensure-kafka.ts';
import { fetchJars } from '../../infra/kafka/fetch-jars.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { connectProducer } from '../../pipelines/streaming/kafka/clients.ts';
import type { KafkaConnection } from '../../pipelines/streaming/kafka/connection.ts';
import { encodeFeatureRecord } from '../../pipelines/streaming/rows/feature-record.ts';
import { SILENT_LOG } from '../../pipelines/streaming/log.ts';
import { StreamMetrics } from '../../pipelines/streaming/metrics.ts';
import { runSink } from '../../pipelines/streaming/sink/sink.ts';
import { extractionKeyOfTarget, type StreamTarget } from '../../pipelines/streaming/stream-target.ts';
import { maxFeatureBytes } from '../../pipelines/streaming/kafka/topics.ts';
import { extractionConfigSchema } from '../../schemas/config/extraction-config.ts';
import { streamConfigSchema } from '../../schemas/config/stream-config.ts';
import { withHome } from '../harness/with-home.ts';

const PARTITIONS = 4;
const SHARES = { test: 0.2, validation: 0.1 };
export const CLASS_NAMES = ['a', 'b'];

/** @param scratch where the broker keeps its data */
export async function withBroker<T>(
  scratch: string,
  work: (connection: KafkaConnection) => Promise<T>,
): Promise<T> {
  return await withHome(join(scratch, 'home'), async () => {
    try {
      await fetchJars();
      return await work((await ensureKafka()).connection);
    } finally {
      await stopKafka();
    }
  });
}

export interface TargetOptions {
  readonly name: string;
  readonly topicPrefix?: string;
  readonly flushS: number;
  readonly extractorVersion?: string;
}

/** The default extraction and the sink's default size of a part. */
export function targetOf({
  name,
  topicPrefix = name,
  flushS,
  extractorVersion,
}: TargetOptions): StreamTarget {
  return {
    name,
    classNames: CLASS_NAMES,
    extraction: extractionConfigSchema.parse({}),
    extractorVersion: extractorVersion ?? 'bench',
    stream: streamConfigSchema.parse({
      topicPrefix,
      topics: { partitions: PARTITIONS },
      sink: { flushRows: 1_000_000, flushS },
    }),
  };
}

/** A row of the default extraction: 257 × 188 floats and three frames of 341 × 256; no two are the same. */
export function featureRecord(index: number, target: StreamTarget): Buffer {
  const audio = new Float32Array(257 * 188);
  for (let i = 0; i < audio.length; i += 1) audio[i] = Math.sin(i) + index;
  const rgb = new Uint8Array(3 * 256 * 341 * 3);
  for (let i = 0; i < rgb.length; i += 1) rgb[i] = (i * 7 + index) >> 3;
  const { buffer, byteOffset, byteLength } = encodeFeatureRecord({
    clipId: `clip-${index}`,
    label: CLASS_NAMES[index % CLASS_NAMES.length]!,
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

export async function connectFeatureProducer(connection: KafkaConnection, target: StreamTarget) {
  return await connectProducer(connection, 'bench', {
    dr_cb: true,
    'message.max.bytes': maxFeatureBytes(target.stream),
  });
}

export interface RunningSink {
  readonly store: Store;
  readonly metrics: StreamMetrics;
  /** Publishes what was taken. */
  readonly stop: () => Promise<void>;
}

export function startSink(connection: KafkaConnection, target: StreamTarget, scratch: string): RunningSink {
  const metrics = new StreamMetrics('sink');
  const store = openStore(`file:${join(scratch, 'stores', target.name)}`);
  const stopping = new AbortController();
  const sink = runSink({
    ...{ target, store, metrics, log: SILENT_LOG, signal: stopping.signal, writerId: 'bench' },
    shares: SHARES,
    connect: async () => connection,
  });
  // Whoever stops it is told.
  sink.catch(() => undefined);
  const stop = async () => {
    stopping.abort();
    await sink;
  };
  return { store, metrics, stop };
}

/** Records that the sink has taken so far. */
export async function taken(metrics: StreamMetrics): Promise<number> {
  const { values } = await metrics.records.get();
  return values.reduce((sum, { value }) => sum + value, 0);
}

/** Everything that the histogram is given from now on. */
export function samplesOf(histogram: Histogram): number[] {
  const samples: number[] = [];
  const observe = histogram.observe.bind(histogram);
  histogram.observe = (value: unknown) => {
    samples.push(Number(value));
    observe(Number(value));
  };
  return samples;
}
