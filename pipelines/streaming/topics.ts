/** The three topics: created as the config says, or checked when they are there. */
import { ModalmixError } from '../../schemas/errors.ts';
import { topicNames, type TopicNames } from '../../schemas/names.ts';
import type { StreamConfig } from '../../schemas/stream-config.ts';
import { connectProducer, createTopic, disconnect, partitionsOf, type TopicSpec } from './clients.ts';
import type { KafkaConnection } from './connection.ts';

const BYTES_PER_MIB = 1_048_576;
const MS_PER_HOUR = 3_600_000;
/** Room for record headers and batch overhead beside the largest value. */
const OVERHEAD_BYTES = 65_536;
const EVENT_MAX_BYTES = BYTES_PER_MIB;

/** Longest record of `modalmix.features` in bytes, key and overhead included. */
export function maxFeatureBytes(config: StreamConfig): number {
  return Math.round(config.topics.maxFeatureMiB * BYTES_PER_MIB) + OVERHEAD_BYTES;
}

export function topicSpecs(config: StreamConfig): TopicSpec[] {
  const names = topicNames(config.topicPrefix);
  const { partitions, replicationFactor } = config.topics;
  const retention = String(Math.round(config.topics.retentionHours * MS_PER_HOUR));
  const shared = { 'cleanup.policy': 'delete', 'retention.ms': retention };
  const eventConfig = { ...shared, 'max.message.bytes': String(EVENT_MAX_BYTES) };
  const featureConfig = { ...shared, 'max.message.bytes': String(maxFeatureBytes(config)) };
  return [
    { topic: names.clips, partitions, replicationFactor, config: eventConfig },
    { topic: names.features, partitions, replicationFactor, config: featureConfig },
    // One partition: its order is the order in which things went wrong, and "replayed" follows its letter.
    {
      topic: names.deadLetter,
      partitions: 1,
      replicationFactor,
      config: { ...eventConfig, 'retention.ms': '-1' },
    },
  ];
}

/**
 * @returns the topics' names
 * @throws ModalmixError `config` when a topic is there with another number of partitions
 */
export async function ensureTopics(connection: KafkaConnection, config: StreamConfig): Promise<TopicNames> {
  const specs = topicSpecs(config);
  const client = await connectProducer(connection, 'topics');
  try {
    for (const spec of specs) {
      const found = await partitionsOf(client, spec.topic);
      if (found === undefined) {
        await createTopic(connection, spec);
      } else if (found !== spec.partitions) {
        throw new ModalmixError(
          'config',
          `the topic has ${String(found)} partitions, the config says ${String(spec.partitions)}`,
          {
            where: spec.topic,
            fix: `Set stream.topics.partitions to ${String(found)}, or use another stream.topicPrefix. More partitions would move clips that are under way to another partition.`,
          },
        );
      }
    }
  } finally {
    await disconnect(client);
  }
  return topicNames(config.topicPrefix);
}
