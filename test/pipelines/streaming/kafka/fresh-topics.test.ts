/** Records that are sent the moment a topic is made: none is lost and none comes twice. */
import { expect, test } from 'vitest';
import { ensureKafka } from '../../../../infra/kafka/ensure-kafka.ts';
import { connectProducer, disconnect, watermarks } from '../../../../pipelines/streaming/kafka/clients.ts';
import { deliver } from '../../../../pipelines/streaming/kafka/deliver.ts';
import { ensureTopics } from '../../../../pipelines/streaming/kafka/topics.ts';
import { streamConfigSchema } from '../../../../schemas/config/stream-config.ts';
import { brokerOfFile } from '../../../support/stream-fixture.ts';

const PATIENCE_MS = 300_000;
const TOPICS = 6;
const PARTITIONS = 24;
const RECORDS_A_PARTITION = 3;

brokerOfFile(PATIENCE_MS);

test(
  'of records that are sent as soon as a topic is there, each acknowledged one is in it, once',
  { timeout: PATIENCE_MS },
  async () => {
    const { connection } = await ensureKafka();
    for (let round = 0; round < TOPICS; round += 1) {
      const stream = streamConfigSchema.parse({
        topicPrefix: `fresh-${round}`,
        topics: { partitions: PARTITIONS },
      });
      // Connected before, so that nothing passes between the topic and its first record.
      const producer = await connectProducer(connection, 'test', {
        ...{ dr_cb: true, 'linger.ms': 0 },
        // Many requests, as a producer of large rows makes: one record in each.
        'batch.num.messages': 1,
      });
      try {
        const { clips: topic } = await ensureTopics(connection, stream);
        const sent = PARTITIONS * RECORDS_A_PARTITION;
        const records = Array.from({ length: sent }, (_, i) => ({
          ...{ topic, key: `clip-${i}`, value: Buffer.from(String(i)) },
        }));
        expect(await deliver(producer, records)).toBe(sent);
        const ends = await Promise.all(
          Array.from({ length: PARTITIONS }, (_, partition) => watermarks(producer, topic, partition)),
        );
        expect(ends.reduce((sum, { highOffset }) => sum + highOffset, 0)).toBe(sent);
      } finally {
        await disconnect(producer);
      }
    }
  },
);
