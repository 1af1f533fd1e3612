/** What an ingest worker does with each event: features or a dead letter, unless it just saw the same. */
import type { ConsumerGlobalConfig, KafkaConsumer, Message } from 'node-rdkafka';
import pLimit from 'p-limit';
import { consumerGroups, type TopicNames } from '../../../schemas/names.ts';
import { encodeDeadLetter } from '../dead-letters/dead-letter.ts';
import { connectConsumer } from '../kafka/clients.ts';
import type { KafkaConnection } from '../kafka/connection.ts';
import type { OutgoingRecord } from '../kafka/deliver.ts';
import { maxFeatureBytes } from '../kafka/topics.ts';
import { topicsOf } from '../stream-target.ts';
import type { WindowSlot } from '../transactions/partition-window.ts';
import type { Letter, RecordWork } from '../transactions/transactional-session.ts';
import type { IngestInput } from './ingest-input.ts';
import { KnownRows } from './known-rows.ts';
import { processEvent, readEvent, type EventOutcome, type ProcessContext } from './process-event.ts';

const QUEUED_KIB = 16_384;

type Slot = WindowSlot<EventOutcome | Letter>;

export class IngestWork implements RecordWork<EventOutcome> {
  readonly role = 'ingest';
  readonly groupId: string;
  readonly transactionalId: string;
  readonly maxMessageBytes: number;
  readonly maxInFlight: number;
  readonly #input: IngestInput;
  readonly #topics: TopicNames;
  readonly #context: Omit<ProcessContext, 'signal'>;
  readonly #known = new KnownRows();
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #clipIds = new WeakMap<Slot, string>();

  /** @param concurrency clips extracted at a time */
  constructor(input: IngestInput, roots: readonly string[], concurrency: number) {
    const { target, metrics } = input;
    const { stream } = target;
    this.#input = input;
    this.#topics = topicsOf(target);
    this.groupId = consumerGroups(stream.topicPrefix, target.name).ingest;
    this.transactionalId = `${this.#topics.features}.${input.workerId}`;
    this.maxMessageBytes = maxFeatureBytes(stream);
    this.maxInFlight = stream.ingest.maxInFlight;
    this.#limit = pLimit(concurrency);
    this.#context = {
      target,
      extractor: input.extractor,
      allowed: { roots, maxBytes: target.extraction.limits.clipMaxMiB * 1_048_576 },
      maxRecordBytes: stream.topics.maxFeatureMiB * 1_048_576,
      isKnown: (clipId, fingerprint, sentAtMs) => this.#known.has(clipId, fingerprint, sentAtMs),
      onExtracted: (seconds) => metrics.work.observe(seconds),
      log: input.log,
    };
  }

  get topic(): string {
    return this.#topics.clips;
  }

  get deadLetterTopic(): string {
    return this.#topics.deadLetter;
  }

  async connect(connection: KafkaConnection, settings: ConsumerGlobalConfig): Promise<KafkaConsumer> {
    // An offset that is deleted while it is waited for ends the session; the next one tells what is gone.
    const queued = { 'queued.max.messages.kbytes': QUEUED_KIB };
    return await connectConsumer(connection, this.role, { ...settings, ...queued }, 'error');
  }

  async work(message: Message, slot: Slot, signal: AbortSignal): Promise<EventOutcome> {
    const event = readEvent(message, this.#input.target);
    if ('kind' in event) return { kind: 'dead-letter', letter: event };
    this.#known.begin(event.clipId);
    this.#clipIds.set(slot, event.clipId);
    return await this.#limit(async () => {
      signal.throwIfAborted();
      return await processEvent(message, event, { ...this.#context, signal });
    });
  }

  records(slots: readonly Slot[]): OutgoingRecord[] {
    return slots.flatMap(({ outcome }) => (outcome === undefined ? [] : this.#recordOf(outcome)));
  }

  bytes(outcome: EventOutcome | Letter): number {
    return outcome.kind === 'features' ? outcome.record.length : 0;
  }

  published(slots: readonly Slot[]): void {
    const { metrics } = this.#input;
    for (const slot of slots) {
      const { outcome } = slot;
      if (outcome === undefined) continue;
      const clipId = this.#clipIds.get(slot);
      if (clipId !== undefined) this.#known.end(clipId);
      metrics.records.inc({ outcome: nameOf(outcome) });
      if (outcome.kind !== 'features') continue;
      metrics.bytes.inc(outcome.record.length);
      metrics.latency.observe(Math.max(0, Date.now() - outcome.sentAtMs) / 1_000);
      this.#known.add(outcome.clipId, outcome.fingerprint, outcome.sentAtMs);
    }
  }

  revoked(): void {
    this.#known.clear();
  }

  #recordOf(outcome: EventOutcome | Letter): OutgoingRecord[] {
    const { features, deadLetter } = this.#topics;
    switch (outcome.kind) {
      case 'features': {
        const { record, clipId } = outcome;
        const value = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
        return [{ topic: features, key: clipId, value }];
      }
      case 'dead-letter':
        return [{ topic: deadLetter, ...encodeDeadLetter(outcome.letter) }];
      case 'deleted':
        return [outcome.record];
      case 'duplicate':
        return [];
    }
  }
}

function nameOf(outcome: EventOutcome | Letter): string {
  if (outcome.kind === 'dead-letter') return outcome.letter.code;
  return outcome.kind === 'deleted' ? 'deleted-unread' : outcome.kind;
}
