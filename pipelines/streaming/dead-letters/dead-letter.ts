/**
 * Events that could not be used: written with their reason and place, listed, and sent again when what was
 * wrong has been put right. A letter is identified by its event's place, so one that was written twice
 * (by a worker that died in between) is listed once.
 */
import type { Message, Producer } from 'node-rdkafka';
import type { TopicNames } from '../../../schemas/names.ts';
import {
  DEAD_LETTER_PAYLOAD_MAX_BYTES,
  deadLetterRecordSchema,
  type DeadLetter,
  type DeadLetterCode,
  type DeadLetterRecord,
} from '../../../schemas/stream.ts';
import { connectConsumer, connectProducer, disconnect } from '../kafka/clients.ts';
import type { KafkaConnection } from '../kafka/connection.ts';
import { deliver } from '../kafka/deliver.ts';
import { readRecord, readWhole } from '../kafka/read-topic.ts';
import { formatPlace, type RecordPlace } from '../rows/feature-record.ts';

const MESSAGE_MAX_CHARACTERS = 2_000;

/** The record of `modalmix.dead-letter` about `message`. */
export function deadLetterOf(
  message: Pick<Message, 'topic' | 'partition' | 'offset' | 'key' | 'value'>,
  code: DeadLetterCode,
  reason: string,
): DeadLetter {
  const value = message.value ?? Buffer.alloc(0);
  return {
    schemaVersion: 1,
    kind: 'letter',
    code,
    message: reason.slice(0, MESSAGE_MAX_CHARACTERS),
    source: { topic: message.topic, partition: message.partition, offset: message.offset },
    ...(message.key === null || message.key === undefined ? {} : { key: keyText(message.key) }),
    payloadBase64: value.subarray(0, DEAD_LETTER_PAYLOAD_MAX_BYTES).toString('base64'),
    payloadBytes: value.length,
    rejectedAt: new Date().toISOString(),
  };
}

/** A clip's id is far shorter; a letter must be one that brokers take. */
function keyText(key: NonNullable<Message['key']>): string {
  return key.toString().slice(0, MESSAGE_MAX_CHARACTERS);
}

/** Key and value as they stand on the topic. */
export function encodeDeadLetter(record: DeadLetterRecord): { key: string; value: Buffer } {
  return { key: formatPlace(record.source), value: Buffer.from(JSON.stringify(record)) };
}

/**
 * Letters that were not sent again yet, oldest first.
 *
 * @param onOther told the place of each record that is no dead letter: whoever may write to the topic can put one there,
 *   and it must not hide the others
 */
export async function listDeadLetters(
  connection: KafkaConnection,
  topics: TopicNames,
  onOther: (place: RecordPlace) => void = () => undefined,
): Promise<DeadLetter[]> {
  const consumer = await connectConsumer(connection, 'dead-letters', {
    'group.id': `${topics.deadLetter}.reader`,
  });
  try {
    const open = new Map<string, DeadLetter>();
    for await (const message of readWhole(consumer, topics.deadLetter)) {
      const record = parseDeadLetter(message);
      if (record === undefined) {
        onOther({ topic: message.topic, partition: message.partition, offset: message.offset });
        continue;
      }
      const place = formatPlace(record.source);
      if (record.kind === 'replayed') open.delete(place);
      else if (!open.has(place)) open.set(place, record);
    }
    return [...open.values()];
  } finally {
    await disconnect(consumer);
  }
}

export interface ReplayResult {
  readonly replayed: number;
  /** Letters whose event is no longer there in full. */
  readonly gone: readonly RecordPlace[];
}

/**
 * Sends the events of the letters that `choose` picks to their own topic again. An event that was too long
 * to be kept in its letter is read from its topic, as long as that still has it.
 */
export async function replayDeadLetters(
  connection: KafkaConnection,
  topics: TopicNames,
  choose: (letter: DeadLetter) => boolean,
  onOther?: (place: RecordPlace) => void,
): Promise<ReplayResult> {
  const letters = (await listDeadLetters(connection, topics, onOther)).filter(choose);
  if (letters.length === 0) return { replayed: 0, gone: [] };
  const producer = await connectProducer(connection, 'replay', {
    dr_cb: true,
    'message.max.bytes': REPLAY_MAX_BYTES,
  });
  const gone: RecordPlace[] = [];
  try {
    for (const letter of letters) {
      const value = await eventOf(connection, letter);
      if (value === undefined) {
        gone.push(letter.source);
        continue;
      }
      // First the event, then the note about it: dying in between sends it twice, which is noticed downstream.
      await deliver(producer, [{ topic: letter.source.topic, key: letter.key ?? null, value }]);
      await deliver(producer, [replayedNote(topics, letter)]);
    }
  } finally {
    await disconnect(producer);
  }
  return { replayed: letters.length - gone.length, gone };
}

const REPLAY_MAX_BYTES = 1_000_000_000;

function replayedNote(topics: TopicNames, letter: DeadLetter) {
  return {
    topic: topics.deadLetter,
    ...encodeDeadLetter({
      schemaVersion: 1,
      kind: 'replayed',
      source: letter.source,
      replayedAt: new Date().toISOString(),
    }),
  };
}

function parseDeadLetter(message: Message): DeadLetterRecord | undefined {
  try {
    return deadLetterRecordSchema.safeParse(JSON.parse(message.value?.toString() ?? '')).data;
  } catch {
    return undefined;
  }
}

/** The letter's event, whole; undefined when it is no longer anywhere. */
async function eventOf(connection: KafkaConnection, letter: DeadLetter): Promise<Buffer | undefined> {
  if (letter.code === 'deleted-unread') return undefined;
  if (letter.payloadBytes > DEAD_LETTER_PAYLOAD_MAX_BYTES) return await readRecord(connection, letter.source);
  return Buffer.from(letter.payloadBase64, 'base64');
}

/** Writes letters and waits until the broker has them. */
export async function sendDeadLetters(
  producer: Producer,
  topics: TopicNames,
  letters: readonly DeadLetter[],
): Promise<void> {
  await deliver(
    producer,
    letters.map((letter) => ({ topic: topics.deadLetter, ...encodeDeadLetter(letter) })),
  );
}
