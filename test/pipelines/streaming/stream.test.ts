/** The stream with a real broker, real clips and real workers, as processes where they are to be killed. */
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pLimit from 'p-limit';
import { beforeAll, describe, expect, test } from 'vitest';
import { embeddedBroker } from '../../../infra/kafka/embedded-broker.ts';
import { ensureKafka } from '../../../infra/kafka/ensure-kafka.ts';
import { waitForEnd } from '../../../infra/processes.ts';
import type { Extractor } from '../../../pipelines/extraction/extractor.ts';
import { createExtractor } from '../../../pipelines/extraction/create-extractor.ts';
import { randomGenerator } from '../../../pipelines/random/generator.ts';
import { connectProducer, disconnect } from '../../../pipelines/streaming/kafka/clients.ts';
import { listDeadLetters, replayDeadLetters } from '../../../pipelines/streaming/dead-letters/dead-letter.ts';
import { deliver } from '../../../pipelines/streaming/kafka/deliver.ts';
import { readStreamStatus } from '../../../pipelines/streaming/lag.ts';
import { clipEventsOf, encodeClipEvent, sendClipEvents } from '../../../pipelines/streaming/send-clips.ts';
import { ensureTopics } from '../../../pipelines/streaming/kafka/topics.ts';
import type { ClipEvent } from '../../../schemas/stream.ts';
import {
  createStream,
  endWorker,
  eventually,
  brokerOfFile,
  type LiveRow,
  type StreamFixture,
} from '../../support/stream-fixture.ts';
import { makeTinyClips } from '../../support/tiny-clips.ts';

const CLIPS_PER_CLASS = 30;
const CLASSES = ['high', 'low'];
/** For one thing to happen; generous, since a slow machine is no mistake of the stream's. */
const PATIENCE_MS = 300_000;
const TEST_TIMEOUT_MS = 900_000;

const broker = brokerOfFile(PATIENCE_MS);
let clips: string;
let extractor: Extractor;
let events: ClipEvent[];

beforeAll(async () => {
  clips = await makeTinyClips({ clipsPerClass: CLIPS_PER_CLASS });
  extractor = await createExtractor(console.warn);
  events = await clipEventsOf(clips, CLASSES);
}, 2 * PATIENCE_MS);

/** Of one clip, extracted here; the same for every test, since all have the same extraction config. */
const direct = new Map<string, ReturnType<Extractor['extract']>>();
const extracting = pLimit(2);

async function extractDirectly(clipId: string, stream: StreamFixture): ReturnType<Extractor['extract']> {
  const event = events.find((candidate) => candidate.clipId === clipId);
  if (event === undefined) throw new Error(`${clipId} was never sent`);
  const clip = { clipId, path: fileURLToPath(event.uri), label: 0, split: 'train' } as const;
  const { extraction } = stream.settings.target;
  const known = direct.get(clipId) ?? extracting(async () => await extractor.extract(clip, extraction));
  direct.set(clipId, known);
  return await known;
}

/** Each row's features must be what extracting its clip directly gives, to the byte. */
async function expectFeaturesOfDirectExtraction(
  rows: readonly LiveRow[],
  stream: StreamFixture,
): Promise<void> {
  const expected = await Promise.all(rows.map(({ clipId }) => extractDirectly(clipId, stream)));
  for (const [place, { features }] of rows.entries()) {
    for (const modality of ['audio', 'rgb'] as const) {
      expect(features[modality]?.shape).toEqual(expected[place]?.[modality]?.shape);
      expect(bytesOf(features[modality]?.data).equals(bytesOf(expected[place]?.[modality]?.data))).toBe(true);
    }
  }
}

function bytesOf(data: Float32Array | Uint8Array | undefined): Buffer {
  if (data === undefined) throw new Error('a modality is missing');
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

async function untilRows(stream: StreamFixture, rows: number): Promise<LiveRow[]> {
  return await eventually(`${String(rows)} rows that count`, PATIENCE_MS, async () => {
    const manifest = await stream.manifest();
    if (manifest === undefined || manifest.counts.rows - manifest.counts.superseded < rows) return undefined;
    return await stream.liveRows();
  });
}

test(
  '60 clips among bad events, duplicates and corrections: the counts add up exactly',
  async () => {
    const stream = await createStream(broker.home, 'mixed', clips, extractor);
    const connection = await stream.connection();
    const topics = await ensureTopics(connection, stream.settings.target.stream);
    const first = events[0]!;
    const large = join(clips, 'large.mp4');
    await writeFile(large, Buffer.alloc(2 * 1_048_576));
    await writeFile(join(clips, 'broken.mp4'), 'this is no film');
    await mkdir(join(broker.home, 'outside'), { recursive: true });
    await copyFile(new URL(first.uri), join(broker.home, 'outside', 'secret.mp4'));
    await symlink(join(broker.home, 'outside', 'secret.mp4'), join(clips, 'escape.mp4'));
    const uri = (...path: string[]) => pathToFileURL(join(...path)).href;
    const bad: [string, string | object][] = [
      ['malformed-json', '{"clipId": "half'],
      ['unsupported-version', { ...first, schemaVersion: 2 }],
      ['invalid-event', { ...first, clipId: 'no spaces allowed' }],
      ['invalid-event', { ...first, surprise: true }],
      ['event-too-large', { ...first, group: 'x'.repeat(70_000) }],
      ['unknown-label', { ...first, clipId: 'x1', label: 'middle' }],
      ['scheme-not-allowed', { ...first, clipId: 'x2', uri: 'https://example.org/clip.mp4' }],
      ['path-not-allowed', { ...first, clipId: 'x3', uri: uri(broker.home, 'outside', 'secret.mp4') }],
      ['path-not-allowed', { ...first, clipId: 'x4', uri: uri(clips, 'escape.mp4') }],
      ['path-not-allowed', { ...first, clipId: 'x5', uri: `${uri(clips)}/../../etc/passwd` }],
      ['missing-file', { ...first, clipId: 'x6', uri: uri(clips, 'nowhere.mp4') }],
      ['too-large', { ...first, clipId: 'x7', uri: uri(large) }],
      ['unreadable', { ...first, clipId: 'x8', uri: uri(clips, 'broken.mp4') }],
      ['hash-mismatch', { ...first, clipId: 'x9', sha256: '0'.repeat(64) }],
    ];
    const duplicates = events.slice(10, 15);
    const later = new Date(Date.parse(first.sentAt) + 60_000).toISOString();
    const earlier = new Date(Date.parse(first.sentAt) - 60_000).toISOString();
    const swapped = (event: ClipEvent) => (event.label === 'high' ? 'low' : 'high');
    const corrected = events
      .slice(20, 24)
      .map((event) => ({ ...event, label: swapped(event), sentAt: later }));
    const outdated = events
      .slice(30, 32)
      .map((event) => ({ ...event, label: swapped(event), sentAt: earlier }));

    const producer = await connectProducer(connection, 'test', { dr_cb: true });
    await deliver(producer, [
      ...events.slice(0, 30).map((event) => encodeClipEvent(topics, event)),
      ...bad.map(([, value]) => ({
        topic: topics.clips,
        key: null,
        value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
      })),
      ...events.slice(30).map((event) => encodeClipEvent(topics, event)),
      ...[...duplicates, ...corrected, ...outdated].map((event) => encodeClipEvent(topics, event)),
      { topic: topics.features, key: 'x', value: Buffer.from('not an Arrow stream') },
    ]);
    await disconnect(producer);
    const workers = [stream.start('ingest'), stream.start('sink')];
    try {
      const manifest = await eventually('every record to be counted', PATIENCE_MS, async () => {
        const found = await stream.manifest();
        const { counts } = found ?? {};
        return counts?.rows === 64 && counts.outdated === 2 && counts.deadLetters === 1 ? found : undefined;
      });
      // A duplicate is dropped by the ingest worker that just saw the clip, or by the sink.
      expect(manifest.counts).toMatchObject({
        rows: 64,
        superseded: 4,
        outdated: 2,
        foreign: 0,
        deadLetters: 1,
      });
      expect(manifest.counts.duplicates).toBeLessThanOrEqual(5);

      const rows = await stream.liveRows();
      expect(rows.map(({ clipId }) => clipId).sort()).toEqual(events.map(({ clipId }) => clipId).sort());
      const labels = new Map([...events, ...corrected].map(({ clipId, label }) => [clipId, label]));
      for (const row of rows) expect(CLASSES[row.label]).toBe(labels.get(row.clipId));
      await expectFeaturesOfDirectExtraction(rows, stream);

      const letters = await eventually('all dead letters', PATIENCE_MS, async () => {
        const found = await listDeadLetters(connection, topics);
        return found.length >= bad.length + 1 ? found : undefined;
      });
      expect(letters.map(({ code }) => code).sort()).toEqual(
        [...bad.map(([code]) => code), 'invalid-record'].sort(),
      );
      const malformed = letters.find(({ code }) => code === 'malformed-json');
      expect(Buffer.from(malformed?.payloadBase64 ?? '', 'base64').toString()).toBe('{"clipId": "half');
      expect(malformed?.source.topic).toBe(topics.clips);

      const status = await eventually('no lag', PATIENCE_MS, async () => {
        const found = await readStreamStatus(connection, stream.settings.target, stream.store);
        return [...found.ingest, ...found.sink].every(({ lag }) => lag === 0) ? found : undefined;
      });
      expect(status.ingest).toHaveLength(4);

      const topic = topics.deadLetter;
      const others = await connectProducer(connection, 'others', { dr_cb: true });
      await deliver(others, [
        { topic, key: null, value: Buffer.from('{"kind":"note"}') },
        { topic, key: null, value: Buffer.from('no JSON') },
      ]);
      await disconnect(others);
      const strange: string[] = [];
      const seen = await listDeadLetters(connection, topics, (place) => strange.push(place.topic));
      expect(strange).toEqual([topic, topic]);
      expect(seen).toHaveLength(letters.length);

      await copyFile(new URL(first.uri), join(clips, 'nowhere.mp4'));
      const replayed = await replayDeadLetters(connection, topics, ({ code }) => code === 'missing-file');
      expect(replayed).toEqual({ replayed: 1, gone: [] });
      await eventually('the clip of the replayed letter', PATIENCE_MS, async () =>
        (await stream.liveRows()).find(({ clipId }) => clipId === 'x6'),
      );
      expect((await listDeadLetters(connection, topics)).map(({ code }) => code)).not.toContain(
        'missing-file',
      );

      const metrics = /http:\/\/127\.0\.0\.1:\d+\/metrics/gu.exec(await stream.logs())?.[0] ?? '';
      const text = await (await fetch(metrics)).text();
      expect(text).toMatch(/modalmix_stream_lag\{topic="mixed\.(clips|features)",partition="0",.*\} 0/u);
    } finally {
      for (const worker of workers) await endWorker(worker, 'SIGTERM');
    }
    expect(workers.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  },
  TEST_TIMEOUT_MS,
);

test(
  'kill -9 of ingest, sink and broker at random moments: each clip exactly once, no undeserved dead letter',
  async () => {
    const stream = await createStream(broker.home, 'killed', clips, extractor);
    const connection = await stream.connection();
    const topics = await ensureTopics(connection, stream.settings.target.stream);
    const random = randomGenerator(7, 'kills');
    const workers = { ingest: stream.start('ingest', 'a'), sink: stream.start('sink') };
    try {
      await sendClipEvents(connection, topics, events.slice(0, 20));
      for (const victim of ['ingest', 'sink', 'broker', 'sink', 'ingest'] as const) {
        // Nothing is waited for: any moment must do.
        await sleep(1_500 + random.integer(2_500));
        if (victim === 'broker') {
          const killed = embeddedBroker.running()!.process;
          process.kill(killed.pid, 'SIGKILL');
          expect(await waitForEnd(killed, PATIENCE_MS)).toBe(true);
          await ensureKafka();
          // The same address: workers that are waiting find it again.
          expect(await stream.connection()).toEqual(connection);
          await sendClipEvents(connection, topics, events.slice(20));
        } else {
          await endWorker(workers[victim], 'SIGKILL');
          workers[victim] = stream.start(victim, victim === 'ingest' ? 'a' : undefined);
        }
      }
      const rows = await untilRows(stream, events.length);
      expect(rows.map(({ clipId }) => clipId).sort()).toEqual(events.map(({ clipId }) => clipId).sort());
      await expectFeaturesOfDirectExtraction(rows, stream);
      const manifest = await stream.manifest();
      // Rows and offsets of one transaction: a worker's death makes no duplicate either.
      expect(manifest?.counts).toMatchObject({ rows: 60, superseded: 0, duplicates: 0, deadLetters: 0 });
      expect(await listDeadLetters(connection, topics)).toEqual([]);
    } finally {
      for (const worker of Object.values(workers)) await endWorker(worker, 'SIGTERM');
    }
  },
  TEST_TIMEOUT_MS,
);

describe('several workers', () => {
  test(
    'two ingest workers share the partitions; when one dies the other takes over',
    async () => {
      const stream = await createStream(broker.home, 'shared', clips, extractor);
      const connection = await stream.connection();
      const topics = await ensureTopics(connection, stream.settings.target.stream);
      const workers = [stream.start('ingest', 'one'), stream.start('ingest', 'two'), stream.start('sink')];
      try {
        await eventually('both to have two partitions each', PATIENCE_MS, async () =>
          assignedCounts(await stream.logs()).join() === '2,2' ? true : undefined,
        );
        await sendClipEvents(connection, topics, events);
        await untilRows(stream, 1);
        await endWorker(workers[0]!, 'SIGKILL');
        const rows = await untilRows(stream, events.length);
        expect(rows.map(({ clipId }) => clipId).sort()).toEqual(events.map(({ clipId }) => clipId).sort());
        expect(lastAssignment(await stream.logs(), workers[1]!.pid)).toEqual([0, 1, 2, 3]);
        expect((await stream.manifest())?.counts).toMatchObject({ rows: 60, duplicates: 0, deadLetters: 0 });
      } finally {
        for (const worker of workers) await endWorker(worker, 'SIGTERM');
      }
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'a sink that another one replaced stops without having published',
    async () => {
      const stream = await createStream(broker.home, 'fenced', clips, extractor);
      const connection = await stream.connection();
      const topics = await ensureTopics(connection, stream.settings.target.stream);
      const [ingest, oldSink] = [stream.start('ingest'), stream.start('sink', 'old')];
      await eventually('the first sink to begin', PATIENCE_MS, async () => await stream.manifest());
      const newSink = stream.start('sink', 'new');
      try {
        await eventually('the second sink to take over', PATIENCE_MS, async () =>
          (await stream.manifest())?.writer === 'new' ? true : undefined,
        );
        await sendClipEvents(connection, topics, events.slice(0, 12));
        const rows = await untilRows(stream, 12);
        expect(rows).toHaveLength(12);
        await eventually('the first sink to stop', PATIENCE_MS, async () => oldSink.exitCode ?? undefined);
        expect(oldSink.exitCode).toBe(2);
        expect(await stream.logs()).toContain('another sink writes this dataset');
      } finally {
        for (const worker of [ingest, oldSink, newSink]) await endWorker(worker, 'SIGTERM');
      }
    },
    TEST_TIMEOUT_MS,
  );
});

interface LogLine {
  readonly pid: number;
  readonly msg: string;
  readonly partitions?: number[];
}

function assignments(logs: string): LogLine[] {
  return logs
    .split('\n')
    .filter((line) => line.includes('partitions assigned'))
    .map((line) => JSON.parse(line) as LogLine);
}

function lastAssignment(logs: string, pid: number | undefined): number[] | undefined {
  return assignments(logs).findLast((line) => line.pid === pid)?.partitions;
}

/** Number of partitions that each worker was given last. */
function assignedCounts(logs: string): number[] {
  return [...new Map(assignments(logs).map((line) => [line.pid, line.partitions?.length ?? 0])).values()];
}
