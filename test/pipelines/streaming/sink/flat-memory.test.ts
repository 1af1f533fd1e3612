/** Workers under a backlog far beyond what they may hold: their memory stops growing long before it is done. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { createExtractor } from '../../../../pipelines/extraction/create-extractor.ts';
import type { Extractor } from '../../../../pipelines/extraction/extractor.ts';
import { connectProducer, disconnect } from '../../../../pipelines/streaming/kafka/clients.ts';
import { deliver } from '../../../../pipelines/streaming/kafka/deliver.ts';
import { encodeFeatureRecord } from '../../../../pipelines/streaming/rows/feature-record.ts';
import { clipEventsOf, sendClipEvents } from '../../../../pipelines/streaming/send-clips.ts';
import { extractionKeyOfTarget } from '../../../../pipelines/streaming/stream-target.ts';
import { ensureTopics, maxFeatureBytes } from '../../../../pipelines/streaming/kafka/topics.ts';
import {
  createStream,
  endWorker,
  eventually,
  brokerOfFile,
  type StreamFixture,
} from '../../../support/stream-fixture.ts';
import { makeTinyClips } from '../../../support/tiny-clips.ts';

const PATIENCE_MS = 600_000;
const SAMPLE_MS = 100;
const MIB = 2 ** 20;
/** What a garbage collector may leave lying, and far less than any of the backlogs below. */
const SLACK_MIB = 96;

const broker = brokerOfFile(PATIENCE_MS);
let extractor: Extractor;

beforeAll(async () => {
  extractor = await createExtractor(console.warn);
}, PATIENCE_MS);

test(
  'an ingest worker’s memory is flat while events come more than ten times faster than it extracts',
  { timeout: 2 * PATIENCE_MS },
  async () => {
    const clips = await makeTinyClips({ clipsPerClass: 5 });
    const stream = await createStream(
      broker.home,
      'flood',
      clips,
      extractor,
      { ingest: { concurrency: 2, maxInFlight: 8 } },
      { fps: 3, frames: 3, shortSide: 256 },
    );
    const connection = await stream.connection();
    const topics = await ensureTopics(connection, stream.settings.target.stream);
    // The same films under many names: each is a clip of its own to the stream.
    const few = await clipEventsOf(clips, ['high', 'low']);
    const events = Array.from({ length: 24 }, (_, round) =>
      few.map((event) => ({ ...event, clipId: `${event.clipId}-${String(round)}` })),
    ).flat();
    const workers = [stream.start('ingest'), stream.start('sink')];
    try {
      await sendClipEvents(connection, topics, few);
      await rowsOf(stream, few.length);
      const sending = performance.now();
      await sendClipEvents(connection, topics, events);
      const sentMs = performance.now() - sending;
      const started = performance.now();
      const samples = await sampledUntil(stream, workers[0]!.pid!, few.length + events.length);
      expect(performance.now() - started).toBeGreaterThan(10 * sentMs);
      const [row] = await stream.liveRows();
      const heldAtOnce = (events.length * row!.features.rgb!.data.length) / MIB;
      expect(heldAtOnce).toBeGreaterThan(1.5 * SLACK_MIB);
      expectFlat(samples, few.length);
      expect((await stream.manifest())?.counts).toMatchObject({ duplicates: 0, deadLetters: 0 });
    } finally {
      for (const worker of workers) await endWorker(worker, 'SIGTERM');
    }
  },
);

test(
  'a sink’s memory is flat while it works off a backlog of hundreds of megabytes',
  { timeout: 2 * PATIENCE_MS },
  async () => {
    const clips = await makeTinyClips({ clipsPerClass: 2 });
    const stream = await createStream(
      broker.home,
      'backlog',
      clips,
      extractor,
      { sink: { flushRows: 200, flushMiB: 96, flushS: 1 } },
      { frames: 3, sampling: 'start', shortSide: 256 },
    );
    const connection = await stream.connection();
    const { target } = stream.settings;
    const topics = await ensureTopics(connection, target.stream);
    const records = 1_200;
    const pictures = new Uint8Array(3 * 256 * 341 * 3);
    const producer = await connectProducer(connection, 'test', {
      dr_cb: true,
      'message.max.bytes': maxFeatureBytes(target.stream),
    });
    for (let index = 0; index < records; index += 1) {
      const value = encodeFeatureRecord({
        ...{ clipId: `clip-${String(index)}`, label: index % 2 === 0 ? 'high' : 'low' },
        ...{ contentHash: String(index).padStart(64, '0'), extractionKey: extractionKeyOfTarget(target) },
        ...{ sentAt: new Date().toISOString(), source: { topic: 't', partition: 0, offset: index } },
        features: { rgb: { data: pictures.fill(index % 256), shape: [3, 256, 341, 3] }, missing: {} },
      });
      await deliver(producer, [
        { topic: topics.features, key: `clip-${String(index)}`, value: Buffer.from(value) },
      ]);
    }
    await disconnect(producer);
    const sink = stream.start('sink');
    try {
      const samples = await sampledUntil(stream, sink.pid!, records);
      expect((records * pictures.length) / MIB).toBeGreaterThan(4 * SLACK_MIB);
      expectFlat(samples);
      expect((await stream.manifest())?.counts).toMatchObject({ duplicates: 0, deadLetters: 0 });
    } finally {
      await endWorker(sink, 'SIGTERM');
    }
  },
);

async function rowsOf(stream: StreamFixture, rows: number): Promise<true> {
  return await eventually(`${String(rows)} rows`, PATIENCE_MS, async () =>
    (await stream.manifest())?.counts.rows === rows ? true : undefined,
  );
}

/** MiB of resident memory, and rows durable by then, every `SAMPLE_MS` until the work is done. */
interface Sample {
  readonly mib: number;
  readonly rows: number;
}

async function sampledUntil(stream: StreamFixture, pid: number, rows: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const stop = new AbortController();
  const ended = rowsOf(stream, rows).finally(() => {
    stop.abort();
  });
  while (!isAborted(stop.signal)) {
    const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
    const kibibytes = Number(/^VmRSS:\s+(\d+) kB$/mu.exec(status)?.[1]);
    samples.push({ mib: kibibytes / 1_024, rows: (await stream.manifest())?.counts.rows ?? 0 });
    await sleep(SAMPLE_MS);
  }
  await ended;
  return samples;
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/**
 * No higher while the second half of the rows is made durable than in the first, when all that is held is already
 * held. Counted in rows, so that a worker's start is no part of either.
 */
function expectFlat(samples: readonly Sample[], before = 0): void {
  const last = samples.at(-1)!.rows;
  const half = (before + last) / 2;
  const early = samples.filter(({ rows }) => rows > before && rows <= half).map(({ mib }) => mib);
  const late = samples.filter(({ rows }) => rows > half).map(({ mib }) => mib);
  expect(early.length).toBeGreaterThan(0);
  expect(Math.max(...late)).toBeGreaterThan(0);
  expect(Math.max(...late)).toBeLessThan(Math.max(...early) + SLACK_MIB);
}
