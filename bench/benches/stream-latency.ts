/** From a clip's event to its durable row, through ingest worker and sink, and where the time goes. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import { connectProducer, disconnect } from '../../pipelines/streaming/kafka/clients.ts';
import type { KafkaConnection } from '../../pipelines/streaming/kafka/connection.ts';
import { deliver } from '../../pipelines/streaming/kafka/deliver.ts';
import { runIngest } from '../../pipelines/streaming/ingest/ingest.ts';
import { SILENT_LOG } from '../../pipelines/streaming/log.ts';
import { StreamMetrics } from '../../pipelines/streaming/metrics.ts';
import { clipEventsOf, encodeClipEvent } from '../../pipelines/streaming/send-clips.ts';
import { topicsOf } from '../../pipelines/streaming/stream-target.ts';
import { ensureTopics } from '../../pipelines/streaming/kafka/topics.ts';
import type { ClipEvent } from '../../schemas/stream.ts';
import type { Bench, BenchContext } from '../harness/bench.ts';
import { quantile, type Figure } from '../harness/figure.ts';
import { renderClip } from '../harness/render-clip.ts';
import { CLASS_NAMES, samplesOf, startSink, targetOf, withBroker } from './stream-parts.ts';

const FLUSH_S = 1;
const EVENTS = 150;
const QUICK_EVENTS = 8;
const WARM_UP_EVENTS = 8;
const EVENTS_PER_S = 4;
const FILES_PER_CLASS = 4;
const POLL_MS = 20;

export const bench: Bench = {
  title: 'Streaming: clip event → durable row',
  method: `Events of clips of 3 s (480 × 360, 25 fps, h264 and aac), ${EVENTS_PER_S} a second as \`stream send\` sends them, through one ingest worker and the sink with flushS ${FLUSH_S}, on the embedded broker of the same machine; the time is from the event’s \`sentAt\` to the manifest that names its row.`,
  measure,
};

async function measure(context: BenchContext): Promise<Figure[]> {
  return await withBroker(context.scratch, async (connection) => await measureLatency(context, connection));
}

async function measureLatency(
  { quick, rounds, scratch, say }: BenchContext,
  connection: KafkaConnection,
): Promise<Figure[]> {
  const clips = await makeClips(join(scratch, 'clips'));
  const extractor = await createExtractor((text) => process.stderr.write(`${text}\n`));
  const target = targetOf({ name: 'latency', flushS: FLUSH_S, extractorVersion: extractor.version });
  await ensureTopics(connection, target.stream);
  const sink = startSink(connection, target, scratch);
  const metrics = new StreamMetrics('ingest');
  const stopping = new AbortController();
  const ingest = runIngest({
    ...{ target, extractor, metrics, allowedRoots: [clips], workerId: 'bench', log: SILENT_LOG },
    signal: stopping.signal,
    connect: async () => connection,
  });
  ingest.catch(() => undefined);
  const samples = {
    all: samplesOf(sink.metrics.latency),
    toTopic: samplesOf(metrics.latency),
    extraction: samplesOf(metrics.work),
    publication: samplesOf(sink.metrics.work),
  };
  const producer = await connectProducer(connection, 'bench', { dr_cb: true });
  const files = await clipEventsOf(clips, CLASS_NAMES);
  const send = async (count: number, prefix: string) => {
    const due = samples.all.length + count;
    const startedAt = performance.now();
    for (let i = 0; i < count; i += 1) {
      await deliver(producer, [encodeClipEvent(topicsOf(target), eventOf(files, i, prefix))]);
      await sleep(Math.max(0, startedAt + ((i + 1) * 1_000) / EVENTS_PER_S - performance.now()));
    }
    while (samples.all.length < due) await sleep(POLL_MS);
  };
  const figures = { p50: [] as number[], p99: [] as number[] };
  const shares: number[][] = [];
  try {
    await send(WARM_UP_EVENTS, 'warm');
    for (let round = 0; round < rounds; round += 1) {
      for (const list of Object.values(samples)) list.length = 0;
      await send(quick ? QUICK_EVENTS : EVENTS, `round-${round}`);
      figures.p50.push(quantile(samples.all, 0.5));
      figures.p99.push(quantile(samples.all, 0.99));
      shares.push(sharesOf(samples));
      say(`p50 ${figures.p50.at(-1)!.toFixed(2)} s, p99 ${figures.p99.at(-1)!.toFixed(2)} s`);
    }
  } finally {
    stopping.abort();
    await ingest;
    await sink.stop();
    await disconnect(producer);
  }
  const mean = (part: number) => shares.reduce((sum, share) => sum + share[part]!, 0) / shares.length;
  const percent = (part: number) => `${Math.round(100 * mean(part))} %`;
  const note = `of the mean time, extraction takes ${percent(0)}, the rest of the way to the features topic (reading, waiting for a free extractor, the transaction) ${percent(1)}, waiting for the sink’s flush ${percent(2)}, publishing durably ${percent(3)}`;
  return [
    { name: 'Event → durable row, p50', unit: 's', better: 'lower', ours: figures.p50, note },
    { name: 'Event → durable row, p99', unit: 's', better: 'lower', ours: figures.p99 },
  ];
}

interface Samples {
  /** Seconds from `sentAt` to the published shard. */
  readonly all: number[];
  /** Seconds from `sentAt` to the record on the features topic. */
  readonly toTopic: number[];
  readonly extraction: number[];
  /** A publication, of all the rows in it. */
  readonly publication: number[];
}

/** Of the mean time: extraction, rest until the features topic, waiting for the flush, publication. */
function sharesOf({ all, toTopic, extraction, publication }: Samples): number[] {
  const [total, first, extracting, publishing] = [all, toTopic, extraction, publication].map(meanOf);
  const parts = [extracting!, first! - extracting!, total! - first! - publishing!, publishing!];
  return parts.map((part) => part / total!);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** The same few files under many names: each is a clip of its own to the stream. */
function eventOf(files: readonly ClipEvent[], index: number, prefix: string): ClipEvent {
  const file = files[index % files.length]!;
  return { ...file, clipId: `${prefix}-${index}`, sentAt: new Date().toISOString() };
}

async function makeClips(folder: string): Promise<string> {
  for (const [label, name] of CLASS_NAMES.entries()) {
    await mkdir(join(folder, name), { recursive: true });
    for (let i = 0; i < FILES_PER_CLASS; i += 1) {
      await renderClip(join(folder, name, `${i}.mp4`), {
        picture: `testsrc2=size=480x360:rate=25:duration=3,noise=alls=10:all_seed=${i}`,
        sound: `sine=frequency=${300 + 900 * label + 50 * i}:sample_rate=44100:duration=3`,
        encoding: ['-preset', 'veryfast'],
      });
    }
  }
  return folder;
}
