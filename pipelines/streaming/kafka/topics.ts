/** The topics: created as the config says, or checked when they are there. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer } from 'node-rdkafka';
import { ModalmixError } from '../../../schemas/errors.ts';
import { topicNames, type TopicNames } from '../../../schemas/names.ts';
import type { StreamConfig } from '../../../schemas/config/stream-config.ts';
import {
  connectProducer,
  createTopic,
  disconnect,
  partitionsOf,
  watermarks,
  type TopicSpec,
} from './clients.ts';
import type { KafkaConnection } from './connection.ts';
import { requireLimits } from './topic-limits.ts';
import { describeTopics } from './topic-settings.ts';

const BYTES_PER_MIB = 1_048_576;
const MS_PER_HOUR = 3_600_000;
/** Room for record headers and batch overhead beside the largest value. */
const OVERHEAD_BYTES = 65_536;
const EVENT_MAX_BYTES = BYTES_PER_MIB;
const LEADER_WAIT_MS = 30_000;
const LEADER_POLL_MS = 50;

/** Longest record of `modalmix.features` in bytes, key and overhead included. */
export function maxFeatureBytes(config: StreamConfig): number {
  return Math.round(config.topics.maxFeatureMiB * BYTES_PER_MIB) + OVERHEAD_BYTES;
}

/**
 * What the topics are to be. Retention by size is stated too: the brokers' own default may be less.
 *
 * @param answers with those of answers and reviews: who only learns makes no topics that he does not use
 */
export function topicSpecs(config: StreamConfig, answers = false): TopicSpec[] {
  const names = topicNames(config.topicPrefix);
  const { partitions, replicationFactor } = config.topics;
  const retention = String(Math.round(config.topics.retentionHours * MS_PER_HOUR));
  const shared = { 'cleanup.policy': 'delete', 'retention.ms': retention, 'retention.bytes': '-1' };
  const eventConfig = { ...shared, 'max.message.bytes': String(EVENT_MAX_BYTES) };
  const featureConfig = { ...shared, 'max.message.bytes': String(maxFeatureBytes(config)) };
  const fields = { partitions: 'stream.topics.partitions', 'retention.ms': 'stream.topics.retentionHours' };
  return [
    { topic: names.clips, partitions, replicationFactor, config: eventConfig, fields },
    {
      ...{ topic: names.features, partitions, replicationFactor, config: featureConfig },
      fields: { ...fields, 'max.message.bytes': 'stream.topics.maxFeatureMiB' },
    },
    ...(answers ? [names.predictions, names.review] : []).map((topic) => {
      // As many partitions as features: a clip's answer is in that of its features.
      return { topic, partitions, replicationFactor, config: eventConfig, fields };
    }),
    // One partition: its order is the order in which things went wrong, and "replayed" follows its letter.
    {
      topic: names.deadLetter,
      partitions: 1,
      replicationFactor,
      config: { ...eventConfig, 'retention.ms': '-1' },
      fields: {},
    },
  ];
}

/**
 * Returns when every partition takes records. A producer that writes to a partition before may lose the
 * first one: the broker refuses it, takes the second, which was under way, as the producer's first, and the
 * first, sent again, for a duplicate.
 *
 * @param warn is given what works but is not as the config says, and what cannot be checked (`topic-limits.ts`)
 * @param answers see `topicSpecs`
 * @returns the topics' names
 * @throws ModalmixError `config` when a topic is there with another number of partitions, or with settings by
 *   which records would be refused or lost, `transient` when a partition has no leader for 30 s
 */
export async function ensureTopics(
  connection: KafkaConnection,
  config: StreamConfig,
  warn: (text: string) => void = warnOnStandardError,
  answers = false,
): Promise<TopicNames> {
  const specs = topicSpecs(config, answers);
  const client = await connectProducer(connection, 'topics');
  try {
    const existing: TopicSpec[] = [];
    for (const spec of specs) {
      const isNew =
        (await partitionsOf(client, spec.topic)) === undefined && (await createTopic(connection, spec));
      if (!isNew) existing.push(spec);
    }
    for (const spec of existing) requirePartitions(spec, await partitionsOf(client, spec.topic));
    for (const spec of specs) {
      for (let partition = 0; partition < spec.partitions; partition += 1) {
        await waitForLeader(client, spec.topic, partition);
      }
    }
    if (existing.length > 0) {
      const told = await describeTopics(
        client,
        existing.map(({ topic }) => topic),
      );
      requireLimits(existing, told, connection, warn);
    }
  } finally {
    await disconnect(client);
  }
  return topicNames(config.topicPrefix);
}

function warnOnStandardError(text: string): void {
  process.stderr.write(`warning: ${text}\n`);
}

/** @param found undefined while the brokers make the topic, as somebody else asked them to */
function requirePartitions({ topic, partitions, fields }: TopicSpec, found: number | undefined): void {
  if (found === undefined || found === partitions) return;
  const field = fields['partitions'];
  const [is, needed] = [String(found), String(partitions)];
  throw new ModalmixError('config', `the topic has ${is} partitions, needed are ${needed}`, {
    where: topic,
    fix:
      field === undefined
        ? 'Delete the topic once its dead letters are dealt with (it is made anew), or use another stream.topicPrefix.'
        : `Set ${field} to ${is}, or use another stream.topicPrefix. More partitions would move clips that are under way to another partition.`,
  });
}

/** The leader itself answers where its partition ends, once it has the partition. */
async function waitForLeader(client: Producer, topic: string, partition: number): Promise<void> {
  const deadline = performance.now() + LEADER_WAIT_MS;
  for (;;) {
    try {
      await watermarks(client, topic, partition);
      return;
    } catch (error) {
      if (!(error instanceof ModalmixError) || error.kind !== 'transient' || performance.now() > deadline)
        throw error;
      await sleep(LEADER_POLL_MS);
      // What the client was told while the topic was being made it would go on believing for minutes.
      await partitionsOf(client, topic);
    }
  }
}
