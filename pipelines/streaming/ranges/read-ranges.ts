/** Offset ranges of the features topic: which there are, and their committed records in order. */
import type { KafkaConsumer, Message } from 'node-rdkafka';
import { ModalmixError } from '../../../schemas/errors.ts';
import { consumerGroups } from '../../../schemas/names.ts';
import type { OffsetRange, StreamConfig } from '../../../schemas/config/stream-config.ts';
import { consume, disconnect, partitionsOf, watermarks } from '../kafka/clients.ts';
import type { KafkaConnection } from '../kafka/connection.ts';
import { connectFeatureConsumer } from '../rows/feature-consumer.ts';

export interface RangesReader {
  readonly topic: string;
  /** From the earliest record that is there to the end as it is now, of every partition. */
  currentRanges(): Promise<OffsetRange[]>;
  /**
   * Committed records in the order of partition and offset. Waits for transactions that are still open.
   * @throws ModalmixError `config` when records of a range were deleted or never were, `cancelled` on the signal
   */
  read(ranges: readonly OffsetRange[], signal: AbortSignal): AsyncGenerator<Message>;
  close(): Promise<void>;
}

const READ_BATCH = 32;

/** @throws ModalmixError `config` when there is no such topic, `transient` when no broker answers */
export async function openRangesReader(
  connection: KafkaConnection,
  name: string,
  topic: string,
  stream: StreamConfig,
): Promise<RangesReader> {
  const groupId = consumerGroups(stream.topicPrefix, name).ranges;
  const consumer = await connectFeatureConsumer(connection, stream, 'ranges', groupId);
  try {
    const partitions = await partitionsOf(consumer, topic);
    if (partitions === undefined) {
      throw new ModalmixError('config', 'there is no such topic', {
        where: topic,
        fix: 'Check stream.topicPrefix; the topic is made when an ingest worker starts.',
      });
    }
    return {
      topic,
      currentRanges: async () =>
        await Promise.all(
          Array.from({ length: partitions }, async (_, partition) => {
            const { lowOffset, highOffset } = await watermarks(consumer, topic, partition);
            return { partition, from: lowOffset, to: highOffset };
          }),
        ),
      read: (ranges, signal) => readAll(consumer, topic, partitions, ranges, signal),
      close: async () => {
        await disconnect(consumer);
      },
    };
  } catch (error) {
    await disconnect(consumer);
    throw error;
  }
}

async function* readAll(
  consumer: KafkaConsumer,
  topic: string,
  partitions: number,
  ranges: readonly OffsetRange[],
  signal: AbortSignal,
): AsyncGenerator<Message> {
  const sorted = [...ranges].sort((a, b) => a.partition - b.partition);
  // All of them first: a range that is gone should not be found out after hours.
  for (const range of sorted) await checkRange(consumer, topic, partitions, range);
  for (const range of sorted) {
    if (range.from < range.to) yield* readRange(consumer, topic, range, signal);
  }
}

async function checkRange(
  consumer: KafkaConsumer,
  topic: string,
  partitions: number,
  { partition, from, to }: OffsetRange,
): Promise<void> {
  const where = `${topic}/${String(partition)}`;
  if (partition >= partitions) {
    throw new ModalmixError('config', `the topic has ${String(partitions)} partitions`, {
      where,
      fix: 'Name partitions from 0.',
    });
  }
  const { lowOffset, highOffset } = await watermarks(consumer, topic, partition);
  if (from < to && from < lowOffset) {
    throw new ModalmixError(
      'config',
      `offsets ${String(from)} to ${String(Math.min(lowOffset, to) - 1)} were deleted by the topic's retention`,
      {
        where,
        fix: `Take ranges from offset ${String(lowOffset)} on, or send those clips again; stream.topics.retentionHours says how long records stay.`,
      },
    );
  }
  if (to > highOffset) {
    throw new ModalmixError(
      'config',
      `the range ends before offset ${String(to)}, the partition at ${String(highOffset)}`,
      { where, fix: 'Name offsets that are there. Are these the brokers that the run was started with?' },
    );
  }
}

async function* readRange(
  consumer: KafkaConsumer,
  topic: string,
  { partition, from, to }: OffsetRange,
  signal: AbortSignal,
): AsyncGenerator<Message> {
  let end = 0;
  const onEnd = (place: { topic: string; partition: number; offset: number }) => {
    if (place.topic === topic && place.partition === partition) end = Math.max(end, place.offset);
  };
  consumer.on('partition.eof', onEnd);
  try {
    consumer.assign([{ topic, partition, offset: from }]);
    for (;;) {
      if (signal.aborted) throw new ModalmixError('cancelled', 'reading the stream was asked to stop');
      // Before the read: what the end was told behind is then among its messages or was before.
      const isAtEnd = end >= to;
      const messages = await consume(consumer, READ_BATCH);
      for (const message of messages) {
        if (message.partition !== partition || message.offset < from) continue;
        if (message.offset >= to) return;
        yield message;
        if (message.offset === to - 1) return;
      }
      if (isAtEnd && messages.length === 0) return;
    }
  } finally {
    consumer.off('partition.eof', onEnd);
    consumer.unassign();
  }
}
