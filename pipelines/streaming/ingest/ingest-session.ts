/**
 * One connection's life of an ingest worker: read events, work on several at a time, publish what is
 * finished. Feature rows, dead letters and the offsets of the events they came from go to the broker in
 * one transaction, so that a worker that dies anywhere leaves each event either done or not begun.
 */
import type { KafkaConsumer, LibrdKafkaError, Message, Producer, TopicPartition } from 'node-rdkafka';
import pLimit from 'p-limit';
import { ModalmixError } from '../../../schemas/errors.ts';
import { consumerGroups } from '../../../schemas/names.ts';
import { assertCurrent } from '../kafka/broker-health.ts';
import {
  KAFKA_CODES,
  connectConsumer,
  connectProducer,
  consume,
  disconnect,
  kafkaError,
  transactions,
} from '../kafka/clients.ts';
import type { KafkaConnection } from '../kafka/connection.ts';
import { encodeDeadLetter } from '../dead-letters/dead-letter.ts';
import { letterOfDeleted, startOffsets } from '../dead-letters/deleted-events.ts';
import { enqueue } from '../kafka/deliver.ts';
import type { IngestInput } from './ingest-input.ts';
import { KnownRows } from './known-rows.ts';
import type { PartitionLag } from '../metrics.ts';
import { PartitionWindow, type ReadyPrefix, type WindowSlot } from './partition-window.ts';
import { processEvent, readEvent, type EventOutcome, type ProcessContext } from './process-event.ts';
import { topicsOf } from '../stream-target.ts';
import { maxFeatureBytes } from '../kafka/topics.ts';
import { TopicWatch, topicIdOf } from '../kafka/topic-id.ts';

const READ_TIMEOUT_MS = 100;
const SESSION_TIMEOUT_MS = 10_000;
const TRANSACTION_TIMEOUT_MS = 15_000;
const TRANSACTION_MAX_BYTES = 33_554_432;
/** How long a graceful stop waits for clips that are being extracted. */
const DRAIN_TIMEOUT_MS = 30_000;
const IDLE_WAIT_MS = 50;

/** What one session of a worker leaves to the next one. */
export interface IngestLife {
  /** Of the clips topic, as it was when offsets were last committed to it. */
  topicId?: string | undefined;
}

export class IngestSession {
  readonly #input: IngestInput;
  readonly #connection: KafkaConnection;
  readonly #watch: TopicWatch;
  readonly #life: IngestLife;
  readonly #topicId: string | undefined;
  readonly #context: Omit<ProcessContext, 'signal'>;
  readonly #consumer: KafkaConsumer;
  readonly #producer: Producer;
  readonly #window = new PartitionWindow<EventOutcome>();
  readonly #known = new KnownRows();
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #clipIds = new WeakMap<WindowSlot<EventOutcome>, string>();
  readonly #committed = new Map<number, number>();
  #work = new AbortController();
  #paused = false;
  #closing = false;
  #failure: unknown;
  #reading: Promise<unknown> = Promise.resolve();
  #rebalancing: Promise<void> | undefined;
  #publishing: Promise<void> | undefined;

  private constructor(
    input: IngestInput,
    connection: KafkaConnection,
    roots: readonly string[],
    concurrency: number,
    consumer: KafkaConsumer,
    producer: Producer,
    topicId: string | undefined,
    life: IngestLife,
  ) {
    this.#input = input;
    this.#connection = connection;
    this.#consumer = consumer;
    this.#producer = producer;
    this.#watch = new TopicWatch(producer, topicsOf(input.target).clips, topicId);
    this.#topicId = topicId;
    this.#life = life;
    this.#limit = pLimit(concurrency);
    const { metrics } = input;
    this.#context = {
      target: input.target,
      extractor: input.extractor,
      allowed: { roots, maxBytes: input.target.extraction.limits.clipMaxMiB * 1_048_576 },
      maxRecordBytes: input.target.stream.topics.maxFeatureMiB * 1_048_576,
      isKnown: (clipId, fingerprint, sentAtMs) => this.#known.has(clipId, fingerprint, sentAtMs),
      onExtracted: (seconds) => metrics.work.observe(seconds),
      log: input.log,
    };
  }

  /** @throws ModalmixError `transient` when the broker does not answer, `config` when it refuses */
  static async open(
    input: IngestInput,
    connection: KafkaConnection,
    roots: readonly string[],
    concurrency: number,
    life: IngestLife,
  ): Promise<IngestSession> {
    const topics = topicsOf(input.target);
    const producer = await connectProducer(connection, 'ingest', {
      'transactional.id': `${topics.features}.${input.workerId}`,
      'transaction.timeout.ms': TRANSACTION_TIMEOUT_MS,
      'message.max.bytes': maxFeatureBytes(input.target.stream),
    });
    let session: IngestSession | undefined;
    try {
      // Ends what an earlier life of this worker left open.
      await transactions.init(producer, TRANSACTION_TIMEOUT_MS);
      const topicId = await topicIdOf(producer, topics.clips);
      const settings = {
        'group.id': consumerGroups(input.target.stream.topicPrefix, input.target.name).ingest,
        'session.timeout.ms': SESSION_TIMEOUT_MS,
        'queued.max.messages.kbytes': 16_384,
        rebalance_cb: (error: LibrdKafkaError, assignment: TopicPartition[]) => {
          session?.onRebalance(error, assignment);
        },
      };
      // An offset that is deleted while it is waited for ends this session; the next one tells what is gone.
      const consumer = await connectConsumer(connection, 'ingest', settings, 'error');
      session = new IngestSession(input, connection, roots, concurrency, consumer, producer, topicId, life);
      consumer.setDefaultConsumeTimeout(READ_TIMEOUT_MS);
      consumer.subscribe([topics.clips]);
      return session;
    } catch (error) {
      await disconnect(producer);
      throw error;
    }
  }

  /** Returns when the signal stops it. @throws ModalmixError when the connection or the place in the group is lost */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      assertCurrent(this.#input, this.#connection);
      this.#watch.assertSame();
      await this.#readSome();
      this.#publishSoon();
      if (this.#failure !== undefined) throw kafkaError(this.#failure, 'ingest');
    }
    await this.#drain();
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#work.abort();
    await disconnect(this.#consumer);
    await this.#watch.settled();
    await this.#publishing?.catch(() => undefined);
    await disconnect(this.#producer);
  }

  /** By partition of the clips topic, from what the client last heard of it. */
  lag(): PartitionLag[] {
    if (!this.#consumer.isConnected()) return [];
    const { clips: topic } = topicsOf(this.#input.target);
    return [...this.#committed].map(([partition, next]) => {
      const { highOffset } = this.#consumer.getWatermarkOffsets(topic, partition);
      return { topic, partition, lag: Math.max(0, highOffset - next) };
    });
  }

  async #readSome(): Promise<void> {
    this.#pauseOrResume();
    const room = this.#paused ? 1 : this.#input.target.stream.ingest.maxInFlight - this.#window.size;
    const reading = consume(this.#consumer, room);
    this.#reading = reading.catch(() => undefined);
    const messages = await reading;
    if (this.#rebalancing !== undefined) {
      // What was read meanwhile belongs to the assignment that is going, and is not committed: somebody
      // reads it again.
      await this.#rebalancing;
      return;
    }
    for (const message of messages) this.#begin(message);
    this.#input.metrics.inFlight.set(this.#window.size);
  }

  /** A paused consumer is still polled, so that it keeps its place in the group however long a clip takes. */
  #pauseOrResume(): void {
    const { maxInFlight } = this.#input.target.stream.ingest;
    if (!this.#paused && this.#window.size >= maxInFlight) {
      this.#consumer.pause(this.#consumer.assignments());
      this.#paused = true;
    } else if (this.#paused && this.#window.size <= maxInFlight / 2) {
      this.#consumer.resume(this.#consumer.assignments());
      this.#paused = false;
    }
  }

  #begin(message: Message): void {
    const slot = this.#window.add(message.partition, message.offset);
    if (slot === undefined) return;
    const event = readEvent(message, this.#input.target);
    if ('kind' in event) {
      slot.outcome = { kind: 'dead-letter', letter: event };
      return;
    }
    this.#known.begin(event.clipId);
    this.#clipIds.set(slot, event.clipId);
    const { signal } = this.#work;
    this.#limit(async () => {
      if (signal.aborted) return;
      slot.outcome = await processEvent(message, event, { ...this.#context, signal });
      this.#publishSoon();
    }).catch((error: unknown) => {
      if (!signal.aborted) this.#failure ??= error;
    });
  }

  #publishSoon(): void {
    if (this.#publishing !== undefined || this.#failure !== undefined) return;
    this.#publishing = this.#publishReady()
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#publishing = undefined;
      });
  }

  async #publishReady(): Promise<void> {
    for (;;) {
      const ready = this.#window.ready((slots) => bytesOf(slots) >= TRANSACTION_MAX_BYTES);
      if (ready.slots.length === 0) return;
      await this.#publish(ready);
    }
  }

  async #publish(ready: ReadyPrefix<EventOutcome>): Promise<void> {
    const topics = topicsOf(this.#input.target);
    await transactions.begin(this.#producer);
    try {
      for (const { outcome } of ready.slots) {
        if (outcome?.kind === 'features') {
          const { record } = outcome;
          const value = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
          await enqueue(this.#producer, { topic: topics.features, key: outcome.clipId, value });
        } else if (outcome?.kind === 'dead-letter') {
          await enqueue(this.#producer, { topic: topics.deadLetter, ...encodeDeadLetter(outcome.letter) });
        }
      }
      const offsets = [...ready.nextOffsets].map(([partition, offset]) => ({
        topic: topics.clips,
        partition,
        offset,
      }));
      await transactions.sendOffsets(this.#producer, offsets, this.#consumer, TRANSACTION_TIMEOUT_MS);
      await transactions.commit(this.#producer, TRANSACTION_TIMEOUT_MS);
    } catch (error) {
      await transactions.abort(this.#producer, TRANSACTION_TIMEOUT_MS).catch(() => undefined);
      throw error;
    }
    this.#window.confirm(ready);
    this.#account(ready);
  }

  #account(ready: ReadyPrefix<EventOutcome>): void {
    const { metrics } = this.#input;
    for (const slot of ready.slots) {
      const { outcome } = slot;
      if (outcome === undefined) continue;
      const clipId = this.#clipIds.get(slot);
      if (clipId !== undefined) this.#known.end(clipId);
      metrics.records.inc({ outcome: outcome.kind === 'dead-letter' ? outcome.letter.code : outcome.kind });
      if (outcome.kind !== 'features') continue;
      metrics.bytes.inc(outcome.record.length);
      metrics.latency.observe(Math.max(0, Date.now() - outcome.sentAtMs) / 1_000);
      this.#known.add(outcome.clipId, outcome.fingerprint, outcome.sentAtMs);
    }
    for (const [partition, offset] of ready.nextOffsets) this.#committed.set(partition, offset);
    metrics.inFlight.set(this.#window.size);
  }

  /** Public only because the client is made before the session is. */
  onRebalance(error: LibrdKafkaError, assignment: TopicPartition[]): void {
    const before = this.#rebalancing ?? Promise.resolve();
    const handling = before
      .then(() => this.#rebalance(error.code, assignment))
      .catch((cause: unknown) => {
        this.#failure ??= cause;
      })
      .finally(() => {
        if (this.#rebalancing === handling) this.#rebalancing = undefined;
      });
    this.#rebalancing = handling;
  }

  async #rebalance(code: number, assignment: TopicPartition[]): Promise<void> {
    if (!this.#closing) await this.#reading;
    if (code === KAFKA_CODES.assignPartitions) {
      await this.#assign(assignment);
      this.#input.log.info(
        { partitions: assignment.map(({ partition }) => partition) },
        'partitions assigned',
      );
      return;
    }
    // Whatever is finished is still ours to publish until the partitions are given back.
    if (!this.#closing) {
      await this.#publishing;
      if (this.#failure === undefined) {
        await this.#publishReady().catch((cause: unknown) => {
          this.#failure ??= cause;
        });
      }
    }
    this.#work.abort();
    this.#work = new AbortController();
    this.#window.clear();
    this.#known.clear();
    this.#committed.clear();
    this.#consumer.unassign();
    this.#input.log.info({}, 'partitions given back');
  }

  async #assign(assignment: readonly TopicPartition[]): Promise<void> {
    const [before, now] = [this.#life.topicId, this.#topicId];
    const isNew = before !== undefined && now !== undefined && before !== now;
    const { offsets, deleted, untrusted } = await startOffsets(this.#consumer, assignment, isNew);
    this.#life.topicId = now ?? before;
    for (const place of untrusted) {
      const reason = isNew
        ? 'the topic was deleted and made again since'
        : `the partition ends at ${String(place.end)}: the brokers have lost records, or somebody set the group's offset`;
      this.#input.log.error(
        { topic: topicsOf(this.#input.target).clips, ...place },
        `offset ${String(place.committed)} is committed, but ${reason}; the partition is read from its first record, and what is known is dropped again`,
      );
    }
    this.#consumer.assign([...offsets]);
    this.#paused = false;
    for (const gap of deleted) {
      const letter = letterOfDeleted(gap);
      this.#input.log.error({ ...gap }, letter.message);
      // In the last one's place: the letter and the offset behind the gap go out in one transaction.
      const slot = this.#window.add(gap.partition, gap.end - 1);
      if (slot !== undefined) slot.outcome = { kind: 'dead-letter', letter };
    }
  }

  async #drain(): Promise<void> {
    const deadline = Date.now() + DRAIN_TIMEOUT_MS;
    while (this.#window.size > 0 && Date.now() < deadline && this.#failure === undefined) {
      this.#publishSoon();
      await new Promise((resolve) => setTimeout(resolve, IDLE_WAIT_MS));
    }
    await this.#publishing;
    if (this.#failure !== undefined) throw kafkaError(this.#failure, 'ingest');
    if (this.#window.size > 0) {
      throw new ModalmixError('transient', 'clips were still being extracted when the time to stop was over');
    }
  }
}

function bytesOf(slots: ReadyPrefix<EventOutcome>['slots']): number {
  return slots.reduce(
    (sum, { outcome }) => sum + (outcome?.kind === 'features' ? outcome.record.length : 0),
    0,
  );
}
