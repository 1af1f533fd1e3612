/** A consumer of `modalmix.features`: few, large fetches, and enough read ahead that writing never waits. */
import type { ConsumerGlobalConfig, KafkaConsumer } from 'node-rdkafka';
import type { StreamConfig } from '../../../schemas/config/stream-config.ts';
import { connectConsumer } from '../kafka/clients.ts';
import type { KafkaConnection } from '../kafka/connection.ts';
import { maxFeatureBytes } from '../kafka/topics.ts';

/** How long a read waits for records. */
export const READ_TIMEOUT_MS = 100;
/** Read ahead, over all partitions. */
export const PREFETCH_KIB = 32_768;
/** What one partition gives at a time; the broker sends a record that is longer whole. */
const PARTITION_FETCH_BYTES = 4_194_304;
const FETCH_BYTES = 16_777_216;
/** How soon a full queue is looked at again: the client's own second leaves the sink idle for most of it. */
const QUEUE_BACKOFF_MS = 5;

/**
 * Reads on behind no gap: an offset that was deleted is an error. Errors as `connectConsumer`.
 * @param role for the broker's logs
 * @param settings beside these
 */
export async function connectFeatureConsumer(
  connection: KafkaConnection,
  stream: StreamConfig,
  role: string,
  groupId: string,
  settings: ConsumerGlobalConfig = {},
): Promise<KafkaConsumer> {
  const largest = maxFeatureBytes(stream);
  const fetchBytes = Math.max(largest, FETCH_BYTES);
  const consumer = await connectConsumer(
    connection,
    role,
    {
      'group.id': groupId,
      'fetch.message.max.bytes': PARTITION_FETCH_BYTES,
      'fetch.max.bytes': fetchBytes,
      'receive.message.max.bytes': 2 * fetchBytes,
      'queued.max.messages.kbytes': PREFETCH_KIB,
      'queued.min.messages': 1_000,
      'fetch.queue.backoff.ms': QUEUE_BACKOFF_MS,
      ...settings,
    },
    'error',
  );
  consumer.setDefaultConsumeTimeout(READ_TIMEOUT_MS);
  return consumer;
}
