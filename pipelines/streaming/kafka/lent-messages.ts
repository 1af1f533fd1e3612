/**
 * Records read without a copy: their values are views of the Kafka client's own memory until they are given back.
 * Large records would otherwise be copied once more, and have the heap collected all the time. Without the compiled
 * part (`native/`) the values are copies, and giving back does nothing.
 */
import type { KafkaConsumer, Message, TopicPartitionOffset } from 'node-rdkafka';
import { nativeAddon } from '../../process/native-addon.ts';
import { consume, kafkaError } from './clients.ts';

export interface LentMessages {
  readonly messages: readonly Message[];
  /** What reading stopped at, behind these messages. */
  readonly failure?: Error;
  /** To be called before the consumer is closed; the values are empty afterwards. */
  readonly giveBack: () => void;
}

interface Reader {
  consume(
    client: unknown,
    timeoutMs: number,
    limit: number,
  ): Promise<{
    readonly messages: Message[];
    readonly ends: TopicPartitionOffset[];
    readonly error?: { readonly code: number; readonly message: string };
  }>;
  giveBack(value: Uint8Array): void;
}

const addon = nativeAddon<Reader>('lent_messages', {
  without: 'records of Kafka are copied once more, slower',
  setup: 'npm run setup -- --for=stream',
  platforms: ['linux'],
});

/** Where set-up puts the compiled part. */
export const LENT_MESSAGES_PATH = addon.path;

/** Whether records are lent, not copied. */
export function canLend(): boolean {
  return addon.load() !== undefined;
}

/**
 * Up to `limit` messages: what is there, or what comes within `timeoutMs`. Partitions' ends are told as
 * `partition.eof`, as by `consume`. A consumer that is closed meanwhile is closed after the reading.
 * @throws ModalmixError as `consume` does
 */
export async function consumeLent(
  consumer: KafkaConsumer,
  limit: number,
  timeoutMs: number,
): Promise<LentMessages> {
  const reader = addon.load();
  if (reader === undefined) return { messages: await consume(consumer, limit), giveBack: () => undefined };
  if (!consumer.isConnected()) throw kafkaError(new Error('the consumer is not connected'), 'reading');
  // The client's JavaScript keeps the object that its own compiled part made here.
  const { _client: client } = consumer as unknown as { readonly _client: unknown };
  const { messages, ends, error } = await reader.consume(client, timeoutMs, limit);
  for (const end of ends) consumer.emit('partition.eof', end);
  const failure =
    error === undefined
      ? undefined
      : kafkaError(Object.assign(new Error(error.message), { code: error.code }), 'reading');
  if (failure !== undefined && messages.length === 0) throw failure;
  return {
    messages,
    ...(failure === undefined ? {} : { failure }),
    giveBack: () => {
      for (const { value } of messages) if (value !== null) reader.giveBack(value);
    },
  };
}
