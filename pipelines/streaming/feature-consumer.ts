/** A consumer of `modalmix.features`: few, large fetches, and enough read ahead that writing never waits. */
import type { KafkaConsumer } from 'node-rdkafka';
import type { StreamConfig } from '../../schemas/stream-config.ts';
import { connectConsumer } from './clients.ts';
import type { KafkaConnection } from './connection.ts';
import { maxFeatureBytes } from './topics.ts';

/** How long a read waits for records. */
const READ_TIMEOUT_MS = 100;
const PREFETCH_KIB = 65_536;
const BYTES_PER_KIB = 1_024;

/**
 * Reads on behind no gap: an offset that was deleted is an error. Errors as `connectConsumer`.
 * @param role for the broker's logs
 */
export async function connectFeatureConsumer(
  connection: KafkaConnection,
  stream: StreamConfig,
  role: string,
  groupId: string,
): Promise<KafkaConsumer> {
  const largest = maxFeatureBytes(stream);
  const fetchBytes = Math.max(largest, PREFETCH_KIB * BYTES_PER_KIB);
  const consumer = await connectConsumer(
    connection,
    role,
    {
      'group.id': groupId,
      'fetch.message.max.bytes': largest,
      'fetch.max.bytes': fetchBytes,
      'receive.message.max.bytes': 2 * fetchBytes,
      'queued.max.messages.kbytes': PREFETCH_KIB,
      'queued.min.messages': 1_000,
    },
    'error',
  );
  consumer.setDefaultConsumeTimeout(READ_TIMEOUT_MS);
  return consumer;
}
