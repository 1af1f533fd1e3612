/**
 * The sink: `modalmix.features` → stream shards of the dataset, each row exactly once. It reads from the
 * offsets that the newest manifest names, never from a consumer group's, so shards and position cannot
 * come apart. The group's offsets are written too, but only so that common tools show its lag.
 */
import type { KafkaConsumer, Message, Producer, TopicPartitionOffset } from 'node-rdkafka';
import { ModalmixError } from '../../../schemas/errors.ts';
import { consumerGroups } from '../../../schemas/names.ts';
import { assertCurrent } from '../kafka/broker-health.ts';
import { connectProducer, disconnect, partitionsOf, watermarks } from '../kafka/clients.ts';
import type { KafkaConnection } from '../kafka/connection.ts';
import { sendDeadLetters } from '../dead-letters/dead-letter.ts';
import { connectFeatureConsumer, READ_TIMEOUT_MS } from '../rows/feature-consumer.ts';
import { keepRunning } from '../keep-running.ts';
import { consumeLent } from '../kafka/lent-messages.ts';
import { warnOnce } from '../log.ts';
import type { PartitionLag } from '../metrics.ts';
import { TopicWatch, topicIdOf } from '../kafka/topic-id.ts';
import { openSinkState } from './open-sink.ts';
import type { SinkInput } from './sink-input.ts';
import type { SealedPart, SinkState } from './sink-state.ts';
import { topicsOf } from '../stream-target.ts';
import { ensureTopics } from '../kafka/topics.ts';

const READ_BATCH = 32;
const BYTES_PER_MIB = 1_048_576;

/**
 * Runs until the signal.
 * @throws ModalmixError `config` when another sink took the dataset over or the topic is not the one that
 *   the manifest's offsets are about, `input` when a manifest or shard cannot be read
 */
export async function runSink(input: SinkInput): Promise<void> {
  const { target, log, metrics, signal } = input;
  const warn = warnOnce(log);
  await keepRunning({ log, signal, onRestart: () => metrics.restarts.inc() }, async () => {
    const connection = await input.connect();
    await ensureTopics(connection, target.stream, warn);
    const state = await openSinkState(input);
    try {
      const session = await SinkSession.open(input, connection, state);
      metrics.watchLag(() => session.lag());
      try {
        await session.run();
      } finally {
        metrics.watchLag(() => []);
        await session.close();
      }
    } finally {
      await state.discard();
    }
  });
}

class SinkSession {
  readonly #input: SinkInput;
  readonly #connection: KafkaConnection;
  readonly #topic: string;
  readonly #state: SinkState;
  readonly #consumer: KafkaConsumer;
  readonly #producer: Producer;
  readonly #partitions: number;
  readonly #watch: TopicWatch;
  readonly #ends: TopicPartitionOffset[] = [];
  #sentAtMs: number[] = [];
  /** At most one; the next part fills meanwhile. */
  #publishing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  private constructor(
    input: SinkInput,
    connection: KafkaConnection,
    state: SinkState,
    consumer: KafkaConsumer,
    producer: Producer,
    partitions: number,
    topicId: string | undefined,
  ) {
    this.#input = input;
    this.#connection = connection;
    this.#topic = topicsOf(input.target).features;
    this.#state = state;
    this.#consumer = consumer;
    this.#producer = producer;
    this.#partitions = partitions;
    this.#watch = new TopicWatch(producer, this.#topic, topicId);
  }

  static async open(input: SinkInput, connection: KafkaConnection, state: SinkState): Promise<SinkSession> {
    const { features } = topicsOf(input.target);
    const groupId = consumerGroups(input.target.stream.topicPrefix, input.target.name).sink;
    const { stream } = input.target;
    const [reading, writing] = await Promise.allSettled([
      connectFeatureConsumer(connection, stream, 'sink', groupId),
      connectProducer(connection, 'sink', { dr_cb: true }),
    ]);
    try {
      if (reading.status === 'rejected') throw reading.reason;
      if (writing.status === 'rejected') throw writing.reason;
      const consumer = reading.value;
      const partitions = (await partitionsOf(consumer, features)) ?? 0;
      const topicId = await topicIdOf(consumer, features);
      const session = new SinkSession(input, connection, state, consumer, writing.value, partitions, topicId);
      consumer.on('partition.eof', (end) => {
        if (end.topic === features) session.#ends.push(end);
      });
      const starts = await session.#startOffsets(topicId);
      state.startAt(
        new Map(starts.map(({ partition, offset }) => [partition, offset])),
        topicId ?? state.manifest.topicId,
      );
      consumer.assign(starts);
      return session;
    } catch (error) {
      for (const client of [reading, writing])
        if (client.status === 'fulfilled') await disconnect(client.value);
      throw error;
    }
  }

  async run(): Promise<void> {
    const { signal } = this.#input;
    while (!signal.aborted) {
      assertCurrent(this.#input, this.#connection);
      this.#watch.assertSame();
      await this.#takeNext();
      // Told before the batch's own records are taken: counted any sooner, a publication in between would
      // cover records that are in no shard.
      for (const { partition, offset } of this.#ends.splice(0)) this.#state.reachEnd(partition, offset);
      if (this.#isDue() && this.#publishing === undefined) await this.#publishNext();
      this.#throwFailure();
    }
    if (this.#state.since !== undefined) await this.#publishNext();
    await this.#published();
  }

  /** What is being published ends first: its files and its manifest are either there or not. */
  async close(): Promise<void> {
    await this.#publishing;
    await this.#watch.settled();
    await Promise.all([disconnect(this.#consumer), disconnect(this.#producer)]);
  }

  lag(): PartitionLag[] {
    if (!this.#consumer.isConnected()) return [];
    return Array.from({ length: this.#partitions }, (_, partition) => {
      const { highOffset } = this.#consumer.getWatermarkOffsets(this.#topic, partition);
      const next = this.#state.nextOffset(partition) ?? 0;
      return { topic: this.#topic, partition, lag: Math.max(0, highOffset - next) };
    });
  }

  async #takeNext(): Promise<void> {
    const { messages, failure, giveBack } = await consumeLent(this.#consumer, READ_BATCH, READ_TIMEOUT_MS);
    try {
      for (const message of messages) {
        await this.#take(message);
        if (this.#isFull()) await this.#publishNext();
      }
    } finally {
      giveBack();
    }
    if (failure !== undefined) throw failure;
  }

  async #take(message: Message): Promise<void> {
    const taken = await this.#state.take(message);
    this.#input.metrics.records.inc({ outcome: taken.as });
    this.#input.metrics.inFlight.set(this.#state.rows);
    if (taken.sentAtMs !== undefined) this.#sentAtMs.push(taken.sentAtMs);
  }

  #isFull(): boolean {
    const { flushRows, flushMiB } = this.#input.target.stream.sink;
    return this.#state.rows >= flushRows || this.#state.bytes >= flushMiB * BYTES_PER_MIB;
  }

  #isDue(): boolean {
    const { since } = this.#state;
    return since !== undefined && performance.now() - since >= this.#input.target.stream.sink.flushS * 1_000;
  }

  /** Begins to publish what was taken, once the part before it is published. */
  async #publishNext(): Promise<void> {
    await this.#published();
    const part = this.#state.seal();
    const sentAtMs = this.#sentAtMs;
    this.#sentAtMs = [];
    this.#publishing = this.#publish(part, sentAtMs)
      .catch((error: unknown) => {
        this.#failure = { error };
      })
      .finally(() => {
        this.#publishing = undefined;
      });
  }

  /** @throws what the publication under way, or the one before it, failed with */
  async #published(): Promise<void> {
    await this.#publishing;
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #publish(part: SealedPart, sentAtMs: readonly number[]): Promise<void> {
    const { metrics, log } = this.#input;
    const started = performance.now();
    // A letter that is written twice is listed once; one that is never written would be lost.
    await sendDeadLetters(this.#producer, topicsOf(this.#input.target), part.letters);
    const bytes = await this.#state.publish(part);
    metrics.work.observe((performance.now() - started) / 1_000);
    metrics.bytes.inc(bytes);
    metrics.inFlight.set(this.#state.rows);
    const now = Date.now();
    for (const ms of sentAtMs) metrics.latency.observe(Math.max(0, now - ms) / 1_000);
    const { generation, offsets, counts } = this.#state.manifest;
    log.info({ generation, rows: part.rows, bytes, counts }, 'published');
    this.#consumer.commit(
      Object.entries(offsets).map(([partition, offset]) => ({
        topic: this.#topic,
        partition: Number(partition),
        offset,
      })),
    );
  }

  /**
   * Behind what the manifest covers. Where that place cannot be trusted, from the first record there is: what is
   * known already is dropped again.
   */
  async #startOffsets(topicId: string | undefined): Promise<TopicPartitionOffset[]> {
    const { offsets, topicId: before } = this.#state.manifest;
    const isOther = topicId !== undefined && before !== undefined && topicId !== before;
    return await Promise.all(
      Array.from({ length: this.#partitions }, async (_, partition) => {
        const { lowOffset, highOffset } = await watermarks(this.#consumer, this.#topic, partition);
        const next = offsets[String(partition)];
        const first = { topic: this.#topic, partition, offset: lowOffset };
        if (next === undefined) {
          if (lowOffset > 0) this.#tellFirst(first);
          return first;
        }
        if (isOther) {
          this.#tellAgain(first, next, 'the topic was deleted and made again since');
          return first;
        }
        if (next > highOffset) {
          if (topicId === undefined || before === undefined)
            throw this.#otherTopic(partition, next, highOffset);
          const reason = `the partition ends at ${String(highOffset)}: the brokers have lost records that were taken`;
          this.#tellAgain(first, next, reason);
          return first;
        }
        if (next < lowOffset) throw this.#tooLate(partition, next, lowOffset);
        return { ...first, offset: next };
      }),
    );
  }

  #tellFirst({ topic, partition, offset }: TopicPartitionOffset): void {
    this.#input.log.warn(
      { topic, partition, offset },
      'this sink reads the partition for the first time; what was deleted before that offset it has not seen',
    );
  }

  #tellAgain({ topic, partition, offset }: TopicPartitionOffset, next: number, reason: string): void {
    this.#input.log.error(
      { topic, partition, next, offset },
      `the manifest covers offsets up to ${String(next)}, but ${reason}; the partition is read from its first ` +
        'record, and rows that are known are dropped again',
    );
  }

  #otherTopic(partition: number, next: number, end: number): ModalmixError {
    return new ModalmixError(
      'config',
      `the manifest covers offsets up to ${String(next)}, but the partition ends at ${String(end)}`,
      {
        where: `${this.#topic}/${String(partition)}`,
        fix: 'The topic was deleted and made anew, or these are other brokers. Use another stream.topicPrefix or another store.',
      },
    );
  }

  #tooLate(partition: number, next: number, start: number): ModalmixError {
    return new ModalmixError(
      'config',
      `offsets ${String(next)} to ${String(start - 1)} were deleted before they reached a shard`,
      {
        where: `${this.#topic}/${String(partition)}`,
        fix: 'The topic keeps records for too short a time (stream.topics.retentionHours). Send those clips again under another stream.topicPrefix.',
      },
    );
  }
}
