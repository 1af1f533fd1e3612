/** Events that the topic deleted before the ingest worker read them: none goes missing without a word. */
import { expect, test } from 'vitest';
import {
  connectConsumer,
  connectProducer,
  disconnect,
  transactions,
  watermarks,
} from '../../../../pipelines/streaming/kafka/clients.ts';
import { createExtractor } from '../../../../pipelines/extraction/create-extractor.ts';
import {
  listDeadLetters,
  replayDeadLetters,
} from '../../../../pipelines/streaming/dead-letters/dead-letter.ts';
import { deliver } from '../../../../pipelines/streaming/kafka/deliver.ts';
import { clipEventsOf, encodeClipEvent, sendClipEvents } from '../../../../pipelines/streaming/send-clips.ts';
import { ensureTopics } from '../../../../pipelines/streaming/kafka/topics.ts';
import { deleteRecords } from '../../../support/delete-records.ts';
import { brokerOfFile, createStream, endWorker, eventually } from '../../../support/stream-fixture.ts';
import { makeTinyClips } from '../../../support/tiny-clips.ts';

const PATIENCE_MS = 300_000;

const broker = brokerOfFile(PATIENCE_MS);

test.each([
  { case: 'while no worker ran', name: 'gone-idle', runs: false },
  { case: 'under a worker that waits for them', name: 'gone-live', runs: true },
] as const)(
  'what was deleted $case is told by a dead letter a partition, and the rest goes on',
  { timeout: 2 * PATIENCE_MS },
  async ({ name, runs }) => {
    const clips = await makeTinyClips({ clipsPerClass: 6 });
    const stream = await createStream(broker.home, name, clips, await createExtractor(console.warn));
    const events = await clipEventsOf(clips, ['high', 'low']);
    const [early, lost, late] = [events.slice(0, 4), events.slice(4, 8), events.slice(8)];
    const connection = await stream.connection();
    const topics = await ensureTopics(connection, stream.settings.target.stream);
    const ends = async () => {
      // Records of a transaction that is under way count too.
      const settings = { 'group.id': 'test', 'isolation.level': 'read_uncommitted' } as const;
      const client = await connectConsumer(connection, 'test', settings);
      try {
        return await Promise.all(
          Array.from({ length: stream.settings.target.stream.topics.partitions }, async (_, partition) => ({
            ...{ topic: topics.clips, partition },
            offset: (await watermarks(client, topics.clips, partition)).highOffset,
          })),
        );
      } finally {
        await disconnect(client);
      }
    };
    const rowsAre = async (count: number) =>
      await eventually(`${String(count)} rows`, PATIENCE_MS, async () =>
        (await stream.manifest())?.counts.rows === count ? true : undefined,
      );

    const workers = [stream.start('ingest'), stream.start('sink')];
    try {
      await sendClipEvents(connection, topics, early);
      await rowsAre(4);
      if (!runs) await endWorker(workers[0]!, 'SIGTERM');
      const read = await ends();
      // A worker's fetch may wait at the broker, and be answered with what comes: it sees a transaction's records only
      // when that is committed, and then they are gone for certain.
      const producer = await connectProducer(connection, 'test', {
        'transactional.id': name,
        'transaction.timeout.ms': PATIENCE_MS,
        dr_cb: true,
      });
      let deleted: Awaited<ReturnType<typeof ends>>;
      try {
        await transactions.init(producer, PATIENCE_MS);
        await transactions.begin(producer);
        await deliver(
          producer,
          lost.map((event) => encodeClipEvent(topics, event)),
        );
        deleted = await ends();
        await deleteRecords(connection, broker.home, deleted);
        await transactions.commit(producer, PATIENCE_MS);
      } finally {
        await disconnect(producer);
      }
      if (!runs) workers[0] = stream.start('ingest');
      await sendClipEvents(connection, topics, late);
      await rowsAre(8);

      const gaps = deleted.filter(({ offset }, i) => offset > read[i]!.offset);
      const letters = await eventually('the letters', PATIENCE_MS, async () => {
        const found = await listDeadLetters(connection, topics);
        return found.length === gaps.length ? found : undefined;
      });
      for (const { partition, offset } of gaps) {
        const letter = letters.find(({ source }) => source.partition === partition);
        const first = read[partition]!.offset;
        expect(letter).toMatchObject({
          code: 'deleted-unread',
          source: { topic: topics.clips, offset: first },
        });
        expect(letter?.message).toContain(
          `offsets ${first} to ${offset - 1} were deleted before they were read`,
        );
      }
      expect(await stream.logs()).toContain('were deleted before they were read');

      // There is nothing to send again but by the one who has the clips.
      const { replayed, gone } = await replayDeadLetters(connection, topics, () => true);
      expect([replayed, gone.length]).toEqual([0, gaps.length]);
      await sendClipEvents(connection, topics, lost);
      await rowsAre(12);
      expect((await stream.liveRows()).map(({ clipId }) => clipId).sort()).toEqual(
        events.map(({ clipId }) => clipId).sort(),
      );
      expect(await listDeadLetters(connection, topics)).toHaveLength(gaps.length);
    } finally {
      for (const worker of workers) await endWorker(worker, 'SIGTERM');
    }
    expect(workers.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  },
);
