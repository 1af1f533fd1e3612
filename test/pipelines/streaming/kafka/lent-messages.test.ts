/** Records that the Kafka client lends: the bytes that were sent, and no use of its memory after they are given back. */
import { expect, test } from 'vitest';
import { ensureKafka } from '../../../../infra/kafka/ensure-kafka.ts';
import { connectProducer, disconnect } from '../../../../pipelines/streaming/kafka/clients.ts';
import { deliver } from '../../../../pipelines/streaming/kafka/deliver.ts';
import { connectFeatureConsumer } from '../../../../pipelines/streaming/rows/feature-consumer.ts';
import { canLend, consumeLent } from '../../../../pipelines/streaming/kafka/lent-messages.ts';
import { ensureTopics } from '../../../../pipelines/streaming/kafka/topics.ts';
import { streamConfigSchema } from '../../../../schemas/config/stream-config.ts';
import { brokerOfFile } from '../../../support/stream-fixture.ts';

const PATIENCE_MS = 120_000;
const TIMEOUT_MS = 1_000;

brokerOfFile(PATIENCE_MS);

test.runIf(process.platform === 'linux')(
  'lent records hold what was sent, tell where the partition ends, and are empty once given back',
  { timeout: PATIENCE_MS },
  async () => {
    expect(canLend()).toBe(true);
    const { connection } = await ensureKafka();
    const stream = streamConfigSchema.parse({ topicPrefix: 'lent', topics: { partitions: 1 } });
    const { features: topic } = await ensureTopics(connection, stream);
    const producer = await connectProducer(connection, 'test', { dr_cb: true });
    const values = [Buffer.alloc(900_000, 'large'), Buffer.from('small'), Buffer.alloc(0)];
    await deliver(
      producer,
      values.map((value, i) => ({ topic, key: `clip-${i}`, value })),
    );
    await disconnect(producer);
    const consumer = await connectFeatureConsumer(connection, stream, 'test', 'lent');
    const ends: number[] = [];
    consumer.on('partition.eof', ({ offset }) => ends.push(offset));
    consumer.assign([{ topic, partition: 0, offset: 0 }]);
    let read = 0;
    while (ends.length === 0) {
      const { messages, failure, giveBack } = await consumeLent(consumer, 2, TIMEOUT_MS);
      expect(failure).toBeUndefined();
      for (const { key, value, ...place } of messages) {
        // The client gives an empty value as none, copied or lent.
        expect((value ?? Buffer.alloc(0)).equals(values[read]!)).toBe(true);
        expect(key?.toString()).toBe(`clip-${read}`);
        expect(place).toMatchObject({ topic, partition: 0, offset: read, size: values[read]!.length });
        read += 1;
      }
      giveBack();
      expect(messages.map(({ value }) => value?.length ?? 0)).toEqual(messages.map(() => 0));
      giveBack();
    }
    expect(read).toBe(values.length);
    expect(ends).toEqual([values.length]);
    await disconnect(consumer);
    await expect(consumeLent(consumer, 1, TIMEOUT_MS)).rejects.toThrow('not connected');
  },
);
