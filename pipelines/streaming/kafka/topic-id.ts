/** Which topic a name stands for, by our own compiled part (`native/topic_ids.cc`). */
import type { KafkaConsumer, Producer } from 'node-rdkafka';
import { ModalmixError } from '../../../schemas/errors.ts';
import { nativeAddon } from '../../process/native-addon.ts';
import { CONNECT_TIMEOUT_MS, KAFKA_CODES, kafkaError } from './clients.ts';

interface Asker {
  topicId(
    client: unknown,
    topic: string,
    timeoutMs: number,
  ): Promise<{ readonly id?: string; readonly error?: { readonly code: number; readonly message: string } }>;
}

const addon = nativeAddon<Asker>('topic_ids', {
  without: 'a topic that is deleted and made again is not noticed',
  setup: 'npm run setup -- --for=stream',
  platforms: ['linux'],
});

/** Where set-up puts the compiled part. */
export const TOPIC_IDS_PATH = addon.path;

/** What asking again would not change. */
const UNKNOWABLE: ReadonlySet<number> = new Set([
  KAFKA_CODES.topicAuthorization,
  KAFKA_CODES.clusterAuthorization,
  KAFKA_CODES.unsupportedVersion,
  KAFKA_CODES.unsupportedFeature,
]);

/**
 * The id that the brokers gave the topic when it was made: one that was deleted and made again has another. Asked on a
 * thread of its own.
 *
 * @param client connected
 * @returns undefined where it cannot be known: brokers older than Kafka 2.8, no right to ask, no compiled part
 * @throws ModalmixError `transient` when the brokers do not answer, or there is no such topic now
 */
export async function topicIdOf(
  client: Producer | KafkaConsumer,
  topic: string,
  timeoutMs = CONNECT_TIMEOUT_MS,
): Promise<string | undefined> {
  const asker = addon.load();
  if (asker === undefined) return undefined;
  // The client's JavaScript keeps the object that its own compiled part made here.
  const { _client: inner } = client as unknown as { readonly _client: unknown };
  const { id, error } = await asker.topicId(inner, topic, timeoutMs);
  if (error === undefined) return id;
  if (UNKNOWABLE.has(error.code)) return undefined;
  throw kafkaError(
    Object.assign(new Error(error.message), { code: error.code }),
    `asking for the id of ${topic}`,
  );
}

const LOOK_EVERY_MS = 5_000;
const LOOK_TIMEOUT_MS = 2_000;

/** Notices within seconds that the topic which a session reads is another one now. */
export class TopicWatch {
  readonly #client: Producer | KafkaConsumer;
  readonly #topic: string;
  readonly #id: string | undefined;
  #lookedAt = performance.now();
  #looking: Promise<void> | undefined;
  #now: string | undefined;

  /** @param id as the session found it; undefined: nothing is looked for */
  constructor(client: Producer | KafkaConsumer, topic: string, id: string | undefined) {
    this.#client = client;
    this.#topic = topic;
    this.#id = id;
  }

  /**
   * Asked all the time; waits for nothing.
   * @throws ModalmixError `transient`: the session must begin anew
   */
  assertSame(): void {
    if (this.#now !== undefined && this.#now !== this.#id) {
      throw new ModalmixError('transient', 'the topic was deleted and made again', { where: this.#topic });
    }
    if (this.#id === undefined || this.#looking !== undefined) return;
    if (performance.now() - this.#lookedAt < LOOK_EVERY_MS) return;
    this.#looking = topicIdOf(this.#client, this.#topic, LOOK_TIMEOUT_MS)
      .then((id) => {
        this.#now = id;
      })
      // A broker that is away is noticed elsewhere.
      .catch(() => undefined)
      .finally(() => {
        this.#lookedAt = performance.now();
        this.#looking = undefined;
      });
  }

  /** To be awaited before the client is closed. */
  async settled(): Promise<void> {
    await this.#looking;
  }
}
