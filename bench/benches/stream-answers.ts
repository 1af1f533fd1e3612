/** From a clip's event to its answer, through ingest and predict worker, and how many a second beside extraction alone. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import { extractFile } from '../../pipelines/prediction/extract-file.ts';
import { runAnswering } from '../../pipelines/prediction/stream/run-answering.ts';
import { connectProducer, disconnect } from '../../pipelines/streaming/kafka/clients.ts';
import type { KafkaConnection } from '../../pipelines/streaming/kafka/connection.ts';
import { deliver } from '../../pipelines/streaming/kafka/deliver.ts';
import { ensureTopics } from '../../pipelines/streaming/kafka/topics.ts';
import { runIngest } from '../../pipelines/streaming/ingest/ingest.ts';
import { SILENT_LOG } from '../../pipelines/streaming/log.ts';
import { StreamMetrics } from '../../pipelines/streaming/metrics.ts';
import { encodeClipEvent } from '../../pipelines/streaming/send-clips.ts';
import { topicsOf } from '../../pipelines/streaming/stream-target.ts';
import { CLIP_EVENT_VERSION, type ClipEvent } from '../../schemas/stream.ts';
import type { Bench, BenchContext } from '../harness/bench.ts';
import { quantile, type Figure } from '../harness/figure.ts';
import { inTurns } from '../harness/in-turns.ts';
import { processorSeconds } from '../harness/processor-time.ts';
import { makeServedModel, type ServedModel } from './serve-parts.ts';
import { samplesOf, targetOf, withBroker } from './stream-parts.ts';

const WIDTH = 16;
const EVENTS_PER_S = 4;
const EVENTS = 120;
/** All of them are there before the first is answered. */
const AT_ONCE = 200;
const QUICK = 8;
const WARM_UP = 8;
const POLL_MS = 10;
/** The embedded broker. */
const NOT_OURS = ['java'];

export const bench: Bench = {
  title: 'Streaming: clip event → answer',
  method:
    `Events of clips of 3 s (480 × 360, 25 fps, h264 and aac) through one ingest and one predict worker with their defaults, on the embedded broker of ` +
    `the same machine, answered by two ResNet-18s of width ${String(WIDTH)}. p50 and p99: ${String(EVENTS_PER_S)} events a second, from the event’s \`sentAt\` to ` +
    `the committed answer. Clips/s: ${String(AT_ONCE)} events at once. Extraction alone: the same files and extractor, as many at once as there are cores, ` +
    'without broker and network. Processor time is of all processes of ours, the broker’s apart.',
  measure,
};

async function measure(context: BenchContext): Promise<Figure[]> {
  const served = await makeServedModel(join(context.scratch, 'model'), WIDTH);
  return await withBroker(
    context.scratch,
    async (connection) => await measureAnswers(context, served, connection),
  );
}

async function measureAnswers(
  { quick, rounds, say }: BenchContext,
  served: ServedModel,
  connection: KafkaConnection,
): Promise<Figure[]> {
  const extractor = await createExtractor(say);
  const target = targetOf({ name: 'answers', flushS: 1, extractorVersion: extractor.version });
  await ensureTopics(connection, target.stream);
  const stopping = new AbortController();
  const common = { target, log: SILENT_LOG, signal: stopping.signal, connect: async () => connection };
  const metrics = new StreamMetrics('predict');
  const workers = [
    runIngest({
      ...{ ...common, extractor, metrics: new StreamMetrics('ingest'), workerId: 'bench' },
      allowedRoots: [served.clipFolder],
    }),
    runAnswering({ ...common, metrics, store: served.store, model: served.name, workerId: 'bench' }),
  ];
  for (const worker of workers) worker.catch(() => undefined);
  const latencies = samplesOf(metrics.latency);
  const producer = await connectProducer(connection, 'bench', { dr_cb: true });
  let sent = 0;
  const send = async (count: number, perS: number | undefined) => {
    latencies.length = 0;
    const startedAt = performance.now();
    for (let i = 0; i < count; i += 1) {
      const uri = pathToFileURL(served.paths[sent % served.paths.length]!).href;
      const event: ClipEvent = {
        schemaVersion: CLIP_EVENT_VERSION,
        ...{ clipId: `clip-${String(sent)}`, uri, sentAt: new Date().toISOString() },
      };
      await deliver(producer, [encodeClipEvent(topicsOf(target), event)]);
      sent += 1;
      if (perS === undefined) continue;
      await sleep(Math.max(0, startedAt + ((i + 1) * 1_000) / perS - performance.now()));
    }
    while (latencies.length < count) {
      // A worker that has failed answers no more.
      await Promise.race([Promise.all(workers), sleep(POLL_MS)]);
    }
    return (performance.now() - startedAt) / 1_000;
  };
  const alone = async (count: number) => {
    const startedAt = performance.now();
    await pLimit(availableParallelism()).map(
      Array.from({ length: count }, (_, i) => served.paths[i % served.paths.length]!),
      async (path) => await extractFile(extractor, path, target.extraction),
    );
    return (performance.now() - startedAt) / 1_000;
  };
  try {
    await send(WARM_UP, undefined);
    await alone(WARM_UP);
    const paced = [];
    for (let round = 0; round < rounds; round += 1) {
      await send(quick ? QUICK : EVENTS, EVENTS_PER_S);
      paced.push({ p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) });
      say(`p50 ${paced.at(-1)!.p50.toFixed(3)} s, p99 ${paced.at(-1)!.p99.toFixed(3)} s`);
    }
    const clips = quick ? QUICK : AT_ONCE;
    const rate = (work: (count: number) => Promise<number>) => async () => {
      const cpuBefore = await processorSeconds(NOT_OURS);
      const seconds = await work(clips);
      return { rate: clips / seconds, cpu: ((await processorSeconds(NOT_OURS)) - cpuBefore) / clips };
    };
    const turns = await inTurns(rounds, {
      ours: rate(async (count) => await send(count, undefined)),
      alone: rate(alone),
    });
    const cores = availableParallelism();
    const peer = (of: (one: { rate: number; cpu: number }) => number) => ({
      name: 'extraction alone',
      samples: turns.alone.map(of),
    });
    return [
      { name: 'Event → answer, p50', unit: 's', better: 'lower', ours: paced.map(({ p50 }) => p50) },
      { name: 'Event → answer, p99', unit: 's', better: 'lower', ours: paced.map(({ p99 }) => p99) },
      {
        ...{ name: 'Clips answered, a core', unit: 'clips/s', better: 'higher' },
        ours: turns.ours.map((one) => one.rate / cores),
        peer: peer((one) => one.rate / cores),
      },
      {
        ...{ name: 'Processor time of a clip', unit: 's', better: 'lower' },
        ours: turns.ours.map(({ cpu }) => cpu),
        peer: peer(({ cpu }) => cpu),
      },
    ];
  } finally {
    stopping.abort();
    await Promise.allSettled(workers);
    await disconnect(producer);
  }
}
