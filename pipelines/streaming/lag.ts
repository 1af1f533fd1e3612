/** How far behind ingest and sink are, by partition. */
import type { KafkaConsumer } from 'node-rdkafka';
import { consumerGroups } from '../../schemas/names.ts';
import type { StreamManifest } from '../../schemas/stream.ts';
import type { Store } from '../store/store.ts';
import { committedOffsets, connectConsumer, disconnect, partitionsOf, watermarks } from './kafka/clients.ts';
import type { KafkaConnection } from './kafka/connection.ts';
import { findStreamManifest } from './sink/stream-manifest.ts';
import { extractionKeyOfTarget, topicsOf, type StreamTarget } from './stream-target.ts';

export interface PartitionStatus {
  readonly topic: string;
  readonly partition: number;
  /** The topic's next offset. */
  readonly end: number;
  /** The first offset that is not done; 0 when nothing is. */
  readonly next: number;
  readonly lag: number;
}

export interface StreamStatus {
  /** Events that are not yet extracted. */
  readonly ingest: readonly PartitionStatus[];
  /** Feature rows that are not yet in a shard. */
  readonly sink: readonly PartitionStatus[];
  /** Feature rows that no predict worker has answered; absent: none ever worked on this stream. */
  readonly predict?: readonly PartitionStatus[];
  /** Absent: nothing is published yet. */
  readonly manifest?: StreamManifest;
}

/** @throws ModalmixError `transient` when the broker does not answer */
export async function readStreamStatus(
  connection: KafkaConnection,
  target: StreamTarget,
  store: Store,
): Promise<StreamStatus> {
  const topics = topicsOf(target);
  const manifest = await findStreamManifest(store, target.name, extractionKeyOfTarget(target));
  const consumer = await connectConsumer(connection, 'status', {
    // Asks for this group's offsets without joining it.
    'group.id': consumerGroups(target.stream.topicPrefix, target.name).ingest,
  });
  try {
    const committed = await committedOf(consumer, topics.clips);
    const predict = await predictStatus(connection, consumer, target);
    return {
      ingest: await statusOf(consumer, topics.clips, (partition) => committed.get(partition)),
      sink: await statusOf(consumer, topics.features, (partition) => manifest?.offsets[String(partition)]),
      ...(predict === undefined ? {} : { predict }),
      ...(manifest === undefined ? {} : { manifest }),
    };
  } finally {
    await disconnect(consumer);
  }
}

/** The topic of answers is made by the first predict worker. */
async function predictStatus(
  connection: KafkaConnection,
  consumer: KafkaConsumer,
  target: StreamTarget,
): Promise<PartitionStatus[] | undefined> {
  const topics = topicsOf(target);
  if ((await partitionsOf(consumer, topics.predictions)) === undefined) return undefined;
  const group = await connectConsumer(connection, 'status', {
    'group.id': consumerGroups(target.stream.topicPrefix, target.name).predict,
  });
  try {
    const committed = await committedOf(group, topics.features);
    return await statusOf(group, topics.features, (partition) => committed.get(partition));
  } finally {
    await disconnect(group);
  }
}

async function committedOf(consumer: KafkaConsumer, topic: string): Promise<ReadonlyMap<number, number>> {
  const partitions = await listPartitions(consumer, topic);
  if (partitions.length === 0) return new Map();
  const offsets = await committedOffsets(
    consumer,
    partitions.map((partition) => ({ topic, partition })),
  );
  // The type says that there always is an offset; a partition that was never committed has none.
  const known = offsets.filter(({ offset }) => (offset as number | undefined) !== undefined && offset >= 0);
  return new Map(known.map(({ partition, offset }) => [partition, offset]));
}

async function statusOf(
  consumer: KafkaConsumer,
  topic: string,
  nextOf: (partition: number) => number | undefined,
): Promise<PartitionStatus[]> {
  const partitions = await listPartitions(consumer, topic);
  return await Promise.all(
    partitions.map(async (partition) => {
      const { lowOffset, highOffset: end } = await watermarks(consumer, topic, partition);
      const next = nextOf(partition) ?? lowOffset;
      return { topic, partition, end, next, lag: Math.max(0, end - next) };
    }),
  );
}

async function listPartitions(consumer: KafkaConsumer, topic: string): Promise<number[]> {
  return Array.from({ length: (await partitionsOf(consumer, topic)) ?? 0 }, (_, partition) => partition);
}
