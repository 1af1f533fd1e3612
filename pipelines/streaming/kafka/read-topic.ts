/** Reads what is on a topic now, without a place in a group. */
import type { KafkaConsumer, Message } from 'node-rdkafka';
import { ModalmixError } from '../../../schemas/errors.ts';
import { connectConsumer, consume, disconnect, partitionsOf, watermarks } from './clients.ts';
import type { KafkaConnection } from './connection.ts';

interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

const READ_BATCH = 500;
/** Longer than brokers keep a dead writer's transaction open, which readers of committed records wait for. */
const NO_PROGRESS_MS = 60_000;

/** Every record that is there now, partition by partition. */
export async function* readWhole(consumer: KafkaConsumer, topic: string): AsyncGenerator<Message> {
  const partitions = (await partitionsOf(consumer, topic)) ?? 0;
  for (let partition = 0; partition < partitions; partition += 1) {
    const { lowOffset, highOffset } = await watermarks(consumer, topic, partition);
    if (lowOffset >= highOffset) continue;
    yield* readRange(consumer, { topic, partition, offset: lowOffset }, highOffset);
  }
}

/**
 * Records of a partition from a place on, before `end`.
 * @throws ModalmixError `transient` when nothing has come for a minute: brokers that are gone tell a reader nothing
 */
export async function* readRange(consumer: KafkaConsumer, from: Place, end: number): AsyncGenerator<Message> {
  // The last offsets may be markers of transactions, which are never handed out.
  let reached = from.offset;
  const noticeEnd = (event: Place) => {
    if (event.topic === from.topic && event.partition === from.partition) reached = event.offset;
  };
  consumer.on('partition.eof', noticeEnd);
  consumer.assign([{ topic: from.topic, partition: from.partition, offset: from.offset }]);
  let progressAt = performance.now();
  let before = reached;
  try {
    while (reached < end) {
      const messages = await consume(consumer, READ_BATCH);
      if (messages.length > 0 || reached !== before) progressAt = performance.now();
      before = reached;
      if (performance.now() - progressAt > NO_PROGRESS_MS) throw nothingComes(from, end);
      for (const message of messages) {
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

function nothingComes({ topic, partition, offset }: Place, end: number): ModalmixError {
  return new ModalmixError(
    'transient',
    `of ${String(end - offset)} records nothing has come for ${String(NO_PROGRESS_MS / 1_000)} s`,
    {
      where: `${topic}/${String(partition)}/${String(offset)}`,
      fix: 'Check that the brokers run; it is tried again.',
    },
  );
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
