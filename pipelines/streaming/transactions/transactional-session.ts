/**
 * One connection's life of a worker that turns records of a topic into others: read, work on several at a time,
 * publish what is finished. What it made and the offsets of what it was made of go to the broker in one transaction,
 * so that a worker that dies anywhere leaves each record either done or not begun.
 */
import type {
  ConsumerGlobalConfig,
  KafkaConsumer,
  LibrdKafkaError,
  Message,
  Producer,
  TopicPartition,
} from 'node-rdkafka';
import { ModalmixError } from '../../../schemas/errors.ts';
import { encodeDeadLetter } from '../dead-letters/dead-letter.ts';
import { letterOfDeleted, startOffsets } from '../dead-letters/deleted-events.ts';
import { assertCurrent, type BrokerSource } from '../kafka/broker-health.ts';
import {
  KAFKA_CODES,
  connectProducer,
  consume,
  disconnect,
  kafkaError,
  transactions,
} from '../kafka/clients.ts';
import type { KafkaConnection } from '../kafka/connection.ts';
import { enqueue, type OutgoingRecord } from '../kafka/deliver.ts';
import { TopicWatch, topicIdOf } from '../kafka/topic-id.ts';
import type { Log } from '../log.ts';
import type { PartitionLag, StreamMetrics, StreamRole } from '../metrics.ts';
import { PartitionWindow, type ReadyPrefix, type WindowSlot } from './partition-window.ts';

const SESSION_TIMEOUT_MS = 10_000;
const READ_TIMEOUT_MS = 100;
const TRANSACTION_TIMEOUT_MS = 15_000;
const TRANSACTION_MAX_BYTES = 33_554_432;
/** How long a graceful stop waits for what is being worked on. */
const DRAIN_TIMEOUT_MS = 30_000;
const IDLE_WAIT_MS = 50;

/** What one session of a worker leaves to the next one. */
export interface WorkerLife {
  /** Of the topic that is read, as it was when offsets were last committed to it. */
  topicId?: string | undefined;
}

/** What a worker does with each record; `T` is what becomes of one. */
export interface RecordWork<T> {
  readonly role: StreamRole;
  /** Where it reads. */
  readonly topic: string;
  readonly groupId: string;
  readonly deadLetterTopic: string;
  /** The same for every life of one worker: a new one ends what an earlier one left open. */
  readonly transactionalId: string;
  /** Longest record that it publishes. */
  readonly maxMessageBytes: number;
  /** Records read and not yet published, at most. */
  readonly maxInFlight: number;
  /** Makes the group's consumer; a deleted offset must be an error of it. */
  connect(connection: KafkaConnection, settings: ConsumerGlobalConfig): Promise<KafkaConsumer>;
  /** @param signal the record belongs to somebody else now: nothing that follows is published */
  work(message: Message, slot: WindowSlot<T | Letter>, signal: AbortSignal): Promise<T>;
  /** Of slots that are published now, by partition in the order of their offsets. */
  records(slots: readonly WindowSlot<T | Letter>[]): OutgoingRecord[];
  /** Bytes that publishing it takes, roughly. */
  bytes(outcome: T | Letter): number;
  /** The transaction is committed. */
  published(slots: readonly WindowSlot<T | Letter>[]): void;
  /** Before the first record of these partitions is read. */
  assigned?(partitions: readonly number[], connection: KafkaConnection): Promise<void>;
  /** Every partition was given back; nothing is under way. */
  revoked(): void;
}

/** In place of an outcome: records that their topic deleted before they were read. */
export interface Letter {
  readonly kind: 'deleted';
  readonly record: OutgoingRecord;
}

export interface SessionContext extends BrokerSource {
  readonly metrics: StreamMetrics;
  readonly log: Log;
}

export class TransactionalSession<T> {
  readonly #context: SessionContext;
  readonly #task: RecordWork<T>;
  readonly #connection: KafkaConnection;
  readonly #watch: TopicWatch;
  readonly #life: WorkerLife;
  readonly #topicId: string | undefined;
  readonly #consumer: KafkaConsumer;
  readonly #producer: Producer;
  readonly #window = new PartitionWindow<T | Letter>();
  readonly #committed = new Map<number, number>();
  #work = new AbortController();
  #paused = false;
  #closing = false;
  #failure: unknown;
  #reading: Promise<unknown> = Promise.resolve();
  #rebalancing: Promise<void> | undefined;
  #publishing: Promise<void> | undefined;

  private constructor(
    context: SessionContext,
    task: RecordWork<T>,
    connection: KafkaConnection,
    consumer: KafkaConsumer,
    producer: Producer,
    topicId: string | undefined,
    life: WorkerLife,
  ) {
    this.#context = context;
    this.#task = task;
    this.#connection = connection;
    this.#consumer = consumer;
    this.#producer = producer;
    this.#watch = new TopicWatch(producer, task.topic, topicId);
    this.#topicId = topicId;
    this.#life = life;
  }

  /** @throws ModalmixError `transient` when the broker does not answer, `config` when it refuses */
  static async open<T>(
    context: SessionContext,
    task: RecordWork<T>,
    connection: KafkaConnection,
    life: WorkerLife,
  ): Promise<TransactionalSession<T>> {
    const producer = await connectProducer(connection, task.role, {
      'transactional.id': task.transactionalId,
      'transaction.timeout.ms': TRANSACTION_TIMEOUT_MS,
      'message.max.bytes': task.maxMessageBytes,
    });
    let session: TransactionalSession<T> | undefined;
    try {
      // Ends what an earlier life of this worker left open.
      await transactions.init(producer, TRANSACTION_TIMEOUT_MS);
      const topicId = await topicIdOf(producer, task.topic);
      const consumer = await task.connect(connection, {
        'group.id': task.groupId,
        'session.timeout.ms': SESSION_TIMEOUT_MS,
        rebalance_cb: (error: LibrdKafkaError, assignment: TopicPartition[]) => {
          session?.onRebalance(error, assignment);
        },
      });
      session = new TransactionalSession(context, task, connection, consumer, producer, topicId, life);
      consumer.setDefaultConsumeTimeout(READ_TIMEOUT_MS);
      consumer.subscribe([task.topic]);
      return session;
    } catch (error) {
      await disconnect(producer);
      throw error;
    }
  }

  /** Returns when the signal stops it. @throws ModalmixError when the connection or the place in the group is lost */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      assertCurrent(this.#context, this.#connection);
      this.#watch.assertSame();
      await this.#readSome();
      this.#publishSoon();
      if (this.#failure !== undefined) throw kafkaError(this.#failure, this.#task.role);
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

  /** By partition of the topic that is read, from what the client last heard of it. */
  lag(): PartitionLag[] {
    if (!this.#consumer.isConnected()) return [];
    const { topic } = this.#task;
    return [...this.#committed].map(([partition, next]) => {
      const { highOffset } = this.#consumer.getWatermarkOffsets(topic, partition);
      return { topic, partition, lag: Math.max(0, highOffset - next) };
    });
  }

  async #readSome(): Promise<void> {
    this.#pauseOrResume();
    const room = this.#paused ? 1 : this.#task.maxInFlight - this.#window.size;
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
    this.#context.metrics.inFlight.set(this.#window.size);
  }

  /** A paused consumer is still polled, so that it keeps its place in the group however long a clip takes. */
  #pauseOrResume(): void {
    const { maxInFlight } = this.#task;
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
    const { signal } = this.#work;
    this.#task
      .work(message, slot, signal)
      .then((outcome) => {
        if (signal.aborted) return;
        slot.outcome = outcome;
        this.#publishSoon();
      })
      .catch((error: unknown) => {
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
      const ready = this.#window.ready((slots) => this.#bytesOf(slots) >= TRANSACTION_MAX_BYTES);
      if (ready.slots.length === 0) return;
      await this.#publish(ready);
    }
  }

  async #publish(ready: ReadyPrefix<T | Letter>): Promise<void> {
    await transactions.begin(this.#producer);
    try {
      for (const record of this.#task.records(ready.slots)) await enqueue(this.#producer, record);
      const offsets = [...ready.nextOffsets].map(([partition, offset]) => ({
        topic: this.#task.topic,
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
    this.#task.published(ready.slots);
    for (const [partition, offset] of ready.nextOffsets) this.#committed.set(partition, offset);
    this.#context.metrics.inFlight.set(this.#window.size);
  }

  #bytesOf(slots: ReadyPrefix<T | Letter>['slots']): number {
    return slots.reduce(
      (sum, { outcome }) => sum + (outcome === undefined ? 0 : this.#task.bytes(outcome)),
      0,
    );
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
      this.#context.log.info(
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
    this.#task.revoked();
    this.#committed.clear();
    this.#consumer.unassign();
    this.#context.log.info({}, 'partitions given back');
  }

  async #assign(assignment: readonly TopicPartition[]): Promise<void> {
    const { topic } = this.#task;
    const [before, now] = [this.#life.topicId, this.#topicId];
    const isNew = before !== undefined && now !== undefined && before !== now;
    const { offsets, deleted, untrusted } = await startOffsets(this.#consumer, assignment, isNew);
    this.#life.topicId = now ?? before;
    for (const place of untrusted) {
      const reason = isNew
        ? 'the topic was deleted and made again since'
        : `the partition ends at ${String(place.end)}: the brokers have lost records, or somebody set the group's offset`;
      this.#context.log.error(
        { topic, ...place },
        `offset ${String(place.committed)} is committed, but ${reason}; the partition is read from its first record, and what is known is dropped again`,
      );
    }
    await this.#task.assigned?.(
      assignment.map(({ partition }) => partition),
      this.#connection,
    );
    this.#consumer.assign([...offsets]);
    this.#paused = false;
    for (const gap of deleted) {
      const letter = letterOfDeleted(gap);
      this.#context.log.error({ ...gap }, letter.message);
      // In the last one's place: the letter and the offset behind the gap go out in one transaction.
      const slot = this.#window.add(gap.partition, gap.end - 1);
      const record = { topic: this.#task.deadLetterTopic, ...encodeDeadLetter(letter) };
      if (slot !== undefined) slot.outcome = { kind: 'deleted', record };
    }
  }

  async #drain(): Promise<void> {
    const deadline = performance.now() + DRAIN_TIMEOUT_MS;
    while (this.#window.size > 0 && performance.now() < deadline && this.#failure === undefined) {
      this.#publishSoon();
      await new Promise((resolve) => setTimeout(resolve, IDLE_WAIT_MS));
    }
    await this.#publishing;
    if (this.#failure !== undefined) throw kafkaError(this.#failure, this.#task.role);
    if (this.#window.size > 0) {
      throw new ModalmixError(
        'transient',
        'records were still being worked on when the time to stop was over',
      );
    }
  }
}
