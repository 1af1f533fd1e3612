/** Reads what is on a topic now, without a place in a group. */
import type { KafkaConsumer, Message } from 'node-rdkafka';
import { connectConsumer, consume, disconnect, partitionsOf, watermarks } from './clients.ts';
import type { KafkaConnection } from './connection.ts';

interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

const READ_BATCH = 500;

/** Every record that is there now, partition by partition. */
export async function* readWhole(consumer: KafkaConsumer, topic: string): AsyncGenerator<Message> {
  const partitions = (await partitionsOf(consumer, topic)) ?? 0;
  for (let partition = 0; partition < partitions; partition += 1) {
    const { lowOffset, highOffset } = await watermarks(consumer, topic, partition);
    if (lowOffset >= highOffset) continue;
    yield* readRange(consumer, { topic, partition, offset: lowOffset }, highOffset);
  }
}

/** Records of a partition from a place on, before `end`. */
export async function* readRange(consumer: KafkaConsumer, from: Place, end: number): AsyncGenerator<Message> {
  // The last offsets may be markers of transactions, which are never handed out.
  let reached = from.offset;
  const noticeEnd = (event: Place) => {
    if (event.topic === from.topic && event.partition === from.partition) reached = event.offset;
  };
  consumer.on('partition.eof', noticeEnd);
  consumer.assign([{ topic: from.topic, partition: from.partition, offset: from.offset }]);
  try {
    while (reached < end) {
      for (const message of await consume(consumer, READ_BATCH)) {
        if (message.offset >= end) return;
        yield message;
        if (message.offset === end - 1) return;
      }
    }
  } finally {
    consumer.off('partition.eof', noticeEnd);
    consumer.unassign();
  }
}

/** The value of one record; undefined when it is no longer there. */
export async function readRecord(connection: KafkaConnection, place: Place): Promise<Buffer | undefined> {
  const consumer = await connectConsumer(connection, 'read', { 'group.id': `${place.topic}.replay` });
  try {
    const { lowOffset } = await watermarks(consumer, place.topic, place.partition);
    if (place.offset < lowOffset) return undefined;
    for await (const message of readRange(consumer, place, place.offset + 1))
      return message.value ?? undefined;
    return undefined;
  } finally {
    await disconnect(consumer);
  }
}

/** Null where a record's value is no JSON: anyone may write to a topic. */
export function jsonOf(value: Buffer | null): unknown {
  try {
    return value === null ? null : (JSON.parse(value.toString()) as unknown);
  } catch {
    return null;
  }
}
