/** What people are asked about, and their answers: a label sent back is the clip's own event again, with a label. */
import type { TopicNames } from '../../../schemas/names.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { reviewSchema, type Review } from '../../../schemas/answer.ts';
import { clipEventSchema, type ClipEvent } from '../../../schemas/stream.ts';
import { connectConsumer, disconnect } from '../../streaming/kafka/clients.ts';
import type { KafkaConnection } from '../../streaming/kafka/connection.ts';
import { jsonOf, readRecord, readWhole } from '../../streaming/kafka/read-topic.ts';
import { sendClipEvents } from '../../streaming/send-clips.ts';

/**
 * Questions that are open: of each clip the newest, where no event since names a label; oldest first. Reads the topics of
 * reviews and clips whole.
 *
 * @param dataset questions about others are not listed
 * @throws ModalmixError `transient` when the broker does not answer
 */
export async function listReviews(
  connection: KafkaConnection,
  topics: TopicNames,
  dataset: string,
): Promise<Review[]> {
  const consumer = await connectConsumer(connection, 'reviews', { 'group.id': `${topics.review}.reader` });
  try {
    const open = new Map<string, Review>();
    for await (const { value } of readWhole(consumer, topics.review)) {
      const review = reviewSchema.safeParse(jsonOf(value));
      if (!review.success || review.data.dataset !== dataset) continue;
      open.delete(review.data.clipId);
      open.set(review.data.clipId, review.data);
    }
    if (open.size === 0) return [];
    for await (const { value, partition, offset } of readWhole(consumer, topics.clips)) {
      const event = clipEventSchema.safeParse(jsonOf(value));
      if (!event.success || event.data.label === undefined) continue;
      const asked = open.get(event.data.clipId)?.event;
      // A clip's events share a partition, in which they are in order.
      if (asked?.partition === partition && asked.offset < offset) open.delete(event.data.clipId);
    }
    return [...open.values()].sort((a, b) => (a.answeredAt < b.answeredAt ? -1 : 1));
  } finally {
    await disconnect(consumer);
  }
}

export interface LabelRequest {
  readonly dataset: string;
  readonly clipId: string;
  readonly label: string;
  readonly now: Date;
}

/**
 * Sends the event that the question is about again, with the label: the clip is learned from.
 *
 * @throws ModalmixError `config` when nobody is asked about the clip, or its event is no longer on the topic
 */
export async function labelClip(
  connection: KafkaConnection,
  topics: TopicNames,
  { dataset, clipId, label, now }: LabelRequest,
): Promise<ClipEvent> {
  const review = (await listReviews(connection, topics, dataset)).find((one) => one.clipId === clipId);
  if (review === undefined) {
    throw new ModalmixError('config', `no open question is about a clip "${clipId}"`, {
      where: topics.review,
      fix: 'See the open ones: modalmix stream review list. Any clip can be labelled by sending its event with a label.',
    });
  }
  const value = await readRecord(connection, review.event);
  const event = clipEventSchema.safeParse(jsonOf(value ?? null));
  if (!event.success || event.data.clipId !== clipId) {
    throw new ModalmixError('config', `the event of "${clipId}" is no longer on its topic`, {
      where: `${review.event.topic}/${String(review.event.partition)}/${String(review.event.offset)}`,
      fix: `Send an event with its id, its uri and the label to ${topics.clips}.`,
    });
  }
  const labelled: ClipEvent = { ...event.data, label, sentAt: now.toISOString() };
  await sendClipEvents(connection, topics, [labelled]);
  return labelled;
}
