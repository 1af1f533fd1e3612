/** Events that their topic deleted before a worker read them: found when a partition is taken over, and told. */
import type { KafkaConsumer, TopicPartition, TopicPartitionOffset } from 'node-rdkafka';
import type { DeadLetter } from '../../../schemas/stream.ts';
import { committedOffsets, watermarks } from '../kafka/clients.ts';
import { deadLetterOf } from './dead-letter.ts';
import type { RecordPlace } from '../rows/feature-record.ts';

export interface DeletedEvents extends RecordPlace {
  /** The first offset that is still there; those from `offset` up to it are not. */
  readonly end: number;
}

export interface StartOffsets {
  readonly offsets: readonly TopicPartitionOffset[];
  readonly deleted: readonly DeletedEvents[];
  /** Where what the group committed is no place in the partition: it is read from its first record. */
  readonly untrusted: readonly {
    readonly partition: number;
    readonly committed: number;
    readonly end: number;
  }[];
}

/**
 * Where reading goes on in each partition: at what the group committed, else at the first record there is. What is
 * committed counts for nothing where it lies beyond the partition's end, or where the topic is another one since.
 * What a topic deleted before the group ever took the partition over was not for this group, and is no loss.
 * @throws ModalmixError `transient` when the broker does not answer
 */
export async function startOffsets(
  consumer: KafkaConsumer,
  partitions: readonly TopicPartition[],
  topicIsNew = false,
): Promise<StartOffsets> {
  if (partitions.length === 0) return { offsets: [], deleted: [], untrusted: [] };
  const committed = await committedOffsets(consumer, partitions);
  const deleted: DeletedEvents[] = [];
  const untrusted: { partition: number; committed: number; end: number }[] = [];
  const taken: TopicPartitionOffset[] = [];
  const offsets = await Promise.all(
    partitions.map(async ({ topic, partition }) => {
      const { lowOffset, highOffset } = await watermarks(consumer, topic, partition);
      const next = committed.find((known) => known.partition === partition)?.offset;
      if (next === undefined || next < 0) {
        const first = { topic, partition, offset: lowOffset };
        taken.push(first);
        return first;
      }
      if (topicIsNew || next > highOffset) {
        untrusted.push({ partition, committed: next, end: highOffset });
        const first = { topic, partition, offset: lowOffset };
        taken.push(first);
        return first;
      }
      if (next < lowOffset) deleted.push({ topic, partition, offset: next, end: lowOffset });
      return { topic, partition, offset: Math.max(next, lowOffset) };
    }),
  );
  // From here on the group has a place there too, which a later deletion is measured against. Not beside a
  // transaction: an older place must not overtake a newer one.
  if (taken.length > 0) consumer.commitSync(taken);
  return { offsets, deleted, untrusted };
}

/** One letter for all of them; it stands at the first one's place and cannot be sent again. */
export function letterOfDeleted(deleted: DeletedEvents): DeadLetter {
  const { topic, partition, offset, end } = deleted;
  return deadLetterOf(
    { topic, partition, offset, key: null, value: null },
    'deleted-unread',
    `offsets ${String(offset)} to ${String(end - 1)} were deleted before they were read: the topic keeps records ` +
      'for too short a time (retention.ms, retention.bytes), or somebody deleted them. Send those clips again; ' +
      'what is known already is dropped.',
  );
}
