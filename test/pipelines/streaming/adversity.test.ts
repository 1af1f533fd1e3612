/** What people and brokers do to a stream: topics made again, offsets that are none, strangers' and damaged records. */
import { beforeAll, describe, expect, test } from 'vitest';
import { createExtractor } from '../../../pipelines/extraction/create-extractor.ts';
import type { Extractor } from '../../../pipelines/extraction/extractor.ts';
import { connectConsumer, connectProducer, disconnect } from '../../../pipelines/streaming/kafka/clients.ts';
import { clientSettings, type KafkaConnection } from '../../../pipelines/streaming/kafka/connection.ts';
import { deliver } from '../../../pipelines/streaming/kafka/deliver.ts';
import { rdkafka } from '../../../pipelines/streaming/kafka/rdkafka.ts';
import { topicIdOf } from '../../../pipelines/streaming/kafka/topic-id.ts';
import { ensureTopics } from '../../../pipelines/streaming/kafka/topics.ts';
import { encodeFeatureRecord } from '../../../pipelines/streaming/rows/feature-record.ts';
import { clipEventsOf, sendClipEvents } from '../../../pipelines/streaming/send-clips.ts';
import { consumerGroups } from '../../../schemas/names.ts';
import { deleteRecords } from '../../support/delete-records.ts';
import { featureRow, sendFeatureRows } from '../../support/feature-rows.ts';
import {
  brokerOfFile,
  createStream,
  endWorker,
  eventually,
  type StreamFixture,
} from '../../support/stream-fixture.ts';
import { makeTinyClips } from '../../support/tiny-clips.ts';

const PATIENCE_MS = 300_000;
const TIMEOUT = { timeout: 2 * PATIENCE_MS };
const CLIPS = 12;

const broker = brokerOfFile(PATIENCE_MS);
let clips: string;
let extractor: Extractor;

beforeAll(async () => {
  clips = await makeTinyClips({ clipsPerClass: CLIPS / 2 });
  extractor = await createExtractor(console.warn);
}, PATIENCE_MS);

async function newStream(name: string, stream: object = {}): Promise<StreamFixture> {
  return await createStream(broker.home, name, clips, extractor, { topics: { partitions: 1 }, ...stream });
}

async function untilCounted(stream: StreamFixture, counts: object): Promise<void> {
  let seen: object | undefined;
  await eventually(`counts ${JSON.stringify(counts)}`, PATIENCE_MS, async () => {
    seen = (await stream.manifest())?.counts;
    const now: Readonly<Record<string, unknown>> = { ...seen };
    return Object.entries(counts).every(([name, count]) => now[name] === count) ? true : undefined;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; the last were ${JSON.stringify(seen)}`);
  });
}

async function clipIds(stream: StreamFixture): Promise<string[]> {
  return (await stream.liveRows()).map(({ clipId }) => clipId).sort();
}

function rowsOf(stream: StreamFixture, from: number, to: number) {
  const { target } = stream.settings;
  return Array.from({ length: to - from }, (_, i) => featureRow(target, from + i));
}

async function makeAgain(connection: KafkaConnection, topic: string, stream: StreamFixture): Promise<void> {
  const admin = rdkafka().AdminClient.create(clientSettings(connection, 'test'));
  await new Promise<void>((resolve, reject) => {
    admin.deleteTopic(topic, 10_000, (error) => {
      if ((error as unknown) === null || (error as unknown) === undefined) resolve();
      else reject(new Error(error.message));
    });
  });
  admin.disconnect();
  // The name is free a moment later; a worker may have made the topic meanwhile.
  await eventually('the topic, made again', PATIENCE_MS, async () => {
    try {
      return await ensureTopics(connection, stream.settings.target.stream);
    } catch {
      return undefined;
    }
  });
}

describe('a features topic that was deleted and made again', () => {
  test('while no sink ran, and under a sink: every record of the new ones is a row', TIMEOUT, async () => {
    const stream = await newStream('remade');
    const connection = await stream.connection();
    const { target } = stream.settings;
    const topics = await ensureTopics(connection, target.stream);
    await sendFeatureRows(connection, target, rowsOf(stream, 0, 5));
    let sink = stream.start('sink');
    try {
      await untilCounted(stream, { rows: 5 });
      await endWorker(sink, 'SIGTERM');
      expect(sink.exitCode).toBe(0);

      await makeAgain(connection, topics.features, stream);
      await sendFeatureRows(connection, target, rowsOf(stream, 5, 15));
      sink = stream.start('sink');
      await untilCounted(stream, { rows: 15, duplicates: 0 });
      expect(await stream.logs()).toContain('the topic was deleted and made again since');

      await makeAgain(connection, topics.features, stream);
      // Beyond the place that the sink had reached in the one before.
      await sendFeatureRows(connection, target, rowsOf(stream, 15, 35));
      await untilCounted(stream, { rows: 35 });
      expect(await clipIds(stream)).toEqual(rowsOf(stream, 0, 35).map(({ clipId }) => clipId));
    } finally {
      await endWorker(sink, 'SIGTERM');
    }
    expect(sink.exitCode).toBe(0);
  });

  test('has another id than the one before', TIMEOUT, async () => {
    const stream = await newStream('ids');
    const connection = await stream.connection();
    const topics = await ensureTopics(connection, stream.settings.target.stream);
    const client = await connectProducer(connection, 'test');
    try {
      const ids = [
        await topicIdOf(client, topics.features),
        await topicIdOf(client, topics.features),
        await topicIdOf(client, topics.clips),
      ];
      expect(ids[0]).toMatch(/^\S{22}$/u);
      expect(ids[1]).toBe(ids[0]);
      expect(ids[2]).not.toBe(ids[0]);
      await expect(topicIdOf(client, 'there.is.none')).rejects.toMatchObject({ kind: 'transient' });
    } finally {
      await disconnect(client);
    }
  });
});

test('the first sink on a topic whose beginning was deleted takes what is there', TIMEOUT, async () => {
  const stream = await newStream('trimmed');
  const connection = await stream.connection();
  const { target } = stream.settings;
  const topics = await ensureTopics(connection, target.stream);
  await sendFeatureRows(connection, target, rowsOf(stream, 0, 6));
  await deleteRecords(connection, broker.home, [{ topic: topics.features, partition: 0, offset: 4 }]);
  const sink = stream.start('sink');
  try {
    await untilCounted(stream, { rows: 2 });
    expect(await clipIds(stream)).toEqual(['clip-0004', 'clip-0005']);
    expect(await stream.logs()).toContain('for the first time');
  } finally {
    await endWorker(sink, 'SIGTERM');
  }
  expect(sink.exitCode).toBe(0);
});

test(
  'an offset committed beyond the end: the worker says so and reads the partition from its beginning',
  TIMEOUT,
  async () => {
    const stream = await newStream('beyond');
    const connection = await stream.connection();
    const { target } = stream.settings;
    const topics = await ensureTopics(connection, target.stream);
    const events = await clipEventsOf(clips, target.classNames);
    await sendClipEvents(connection, topics, events);
    const groupId = consumerGroups(target.stream.topicPrefix, target.name).ingest;
    const somebody = await connectConsumer(connection, 'test', { 'group.id': groupId });
    // A broker that was just started looks for the group's place first.
    await eventually('the commit', PATIENCE_MS, async () => {
      try {
        somebody.commitSync([{ topic: topics.clips, partition: 0, offset: 100 }]);
        return true;
      } catch {
        return undefined;
      }
    });
    await disconnect(somebody);
    const workers = [stream.start('ingest'), stream.start('sink')];
    try {
      await untilCounted(stream, { rows: CLIPS });
      expect(await stream.logs()).toContain(
        `offset 100 is committed, but the partition ends at ${String(CLIPS)}`,
      );

      // The same event again, later; then one from between the two, which comes late and says otherwise.
      const [first] = events;
      const at = (seconds: number) => new Date(Date.parse(first!.sentAt) + seconds * 1_000).toISOString();
      const other = target.classNames.find((name) => name !== first!.label)!;
      await sendClipEvents(connection, topics, [{ ...first!, sentAt: at(60) }]);
      await untilCounted(stream, { rows: CLIPS, duplicates: 1 });
      await endWorker(workers[1]!, 'SIGTERM');
      workers[1] = stream.start('sink');
      await sendClipEvents(connection, topics, [{ ...first!, label: other, sentAt: at(30) }]);
      await untilCounted(stream, { rows: CLIPS, duplicates: 1, outdated: 1, superseded: 0 });
      await sendClipEvents(connection, topics, [{ ...first!, label: other, sentAt: at(90) }]);
      // What the worker published of the one before did not count.
      await untilCounted(stream, { rows: CLIPS + 1, outdated: 1, superseded: 1 });
    } finally {
      for (const worker of workers) await endWorker(worker, 'SIGTERM');
    }
    expect(workers.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  },
);

test(
  'two datasets with one prefix and the same classes: each sink takes its own clips',
  TIMEOUT,
  async () => {
    const prefix = { topicPrefix: 'shared-prefix' };
    const streams = [await newStream('dataset-a', prefix), await newStream('dataset-b', prefix)] as const;
    const connection = await streams[0].connection();
    const { target } = streams[0].settings;
    await ensureTopics(connection, target.stream);
    const rows = rowsOf(streams[0], 0, 6);
    await sendFeatureRows(connection, target, [
      ...rows.slice(0, 4).map((row) => ({ ...row, dataset: 'dataset-a' })),
      ...rows.slice(4).map((row) => ({ ...row, dataset: 'dataset-b' })),
    ]);
    const sinks = streams.map((stream) => stream.start('sink'));
    try {
      await untilCounted(streams[0], { rows: 4, foreign: 2 });
      await untilCounted(streams[1], { rows: 2, foreign: 4 });
      expect(await clipIds(streams[1])).toEqual(['clip-0004', 'clip-0005']);
    } finally {
      for (const sink of sinks) await endWorker(sink, 'SIGTERM');
    }
  },
);

test(
  'a sink that is fed damaged records puts them aside, and ends when it is asked to',
  TIMEOUT,
  async () => {
    const stream = await newStream('damaged', { sink: { flushRows: 100, flushS: 0.5, metricsPort: 0 } });
    const connection = await stream.connection();
    const { target } = stream.settings;
    const topics = await ensureTopics(connection, target.stream);
    const good = Buffer.from(encodeFeatureRecord(featureRow(target, 1)));
    const producer = await connectProducer(connection, 'test', { dr_cb: true });
    // All that is no feature stands in front; one bit of every third byte of it.
    const flips = Array.from({ length: 700 }, (_, i) => {
      const value = Buffer.from(good);
      value[3 * i]! ^= 1 << (i % 8);
      return value;
    });
    const send = async (values: readonly Buffer[]) =>
      await deliver(
        producer,
        values.map((value) => ({ topic: topics.features, key: 'x', value })),
      );
    const sink = stream.start('sink');
    try {
      await send([...flips, Buffer.from(encodeFeatureRecord(featureRow(target, 2)))]);
      await eventually('every record to be counted', PATIENCE_MS, async () => {
        const counts = (await stream.manifest())?.counts;
        const { superseded: _, ...taken } = { superseded: 0, ...counts };
        return Object.values(taken).reduce<number>((sum, count) => sum + (count ?? 0), 0) === flips.length + 1
          ? true
          : undefined;
      });
      expect((await stream.manifest())?.counts.deadLetters).toBeGreaterThan(200);
      expect(await clipIds(stream)).toContain('clip-0002');

      // In the middle of many more.
      await send(flips);
      const asked = Date.now();
      await endWorker(sink, 'SIGTERM');
      expect(sink.exitCode).toBe(0);
      expect(Date.now() - asked).toBeLessThan(60_000);
    } finally {
      await disconnect(producer);
      await endWorker(sink, 'SIGKILL');
    }
  },
);
