/** What a predict worker does with each feature record: an answer, and a question to a person where it is worth one. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumerGlobalConfig, KafkaConsumer, Message } from 'node-rdkafka';
import { answerSchema, reviewSchema, type Answer, type Review } from '../../../schemas/answer.ts';
import { predictOf, reviewOf } from '../../../schemas/config/stream-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { entriesOf } from '../../../schemas/modality.ts';
import { consumerGroups, type TopicNames } from '../../../schemas/names.ts';
import type { DeadLetter } from '../../../schemas/stream.ts';
import { deadLetterOf, encodeDeadLetter } from '../../streaming/dead-letters/dead-letter.ts';
import { connectConsumer, disconnect, watermarks } from '../../streaming/kafka/clients.ts';
import type { KafkaConnection } from '../../streaming/kafka/connection.ts';
import type { OutgoingRecord } from '../../streaming/kafka/deliver.ts';
import { jsonOf, readRange } from '../../streaming/kafka/read-topic.ts';
import { connectFeatureConsumer } from '../../streaming/rows/feature-consumer.ts';
import { topicsOf } from '../../streaming/stream-target.ts';
import type { WindowSlot } from '../../streaming/transactions/partition-window.ts';
import type { Letter, RecordWork } from '../../streaming/transactions/transactional-session.ts';
import { answerScores } from './answer-scores.ts';
import type { TrainedOn } from './answer-watch.ts';
import type { Answerer } from './answerer.ts';
import type { AnsweringInput } from './answering-input.ts';
import type { JudgedAnswer } from './answerer-protocol.ts';
import { ReviewSelector } from './review-selector.ts';
import type { WindowTeller } from './tell-windows.ts';

export type Outcome =
  | { readonly kind: 'answer'; readonly answer: Omit<Answer, 'review'>; readonly trained: TrainedOn }
  | { readonly kind: 'foreign' | 'labelled' }
  | { readonly kind: 'dead-letter'; readonly letter: DeadLetter };

type Slot = WindowSlot<Outcome | Letter>;

interface Waiting {
  readonly message: Message;
  readonly signal: AbortSignal;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

const NO_VERSION_WAIT_MS = 500;
const OFFSETS_PER_ANSWER = 8;
/** Room beside the JSON itself: an answer's size grows with classes and modalities. */
const MAX_MESSAGE_BYTES = 1_048_576;

export class AnsweringWork implements RecordWork<Outcome> {
  readonly role = 'predict';
  readonly groupId: string;
  readonly transactionalId: string;
  readonly maxMessageBytes = MAX_MESSAGE_BYTES;
  readonly maxInFlight: number;
  readonly #input: AnsweringInput;
  readonly #answerer: Answerer;
  readonly #teller: WindowTeller;
  readonly #topics: TopicNames;
  readonly #selectors = new Map<number, ReviewSelector>();
  readonly #asked = new WeakSet<Slot>();
  readonly #bytes = new WeakMap<object, number>();
  #waiting: Waiting[] = [];
  #judging = false;
  #toldOfNoVersion = false;

  constructor(input: AnsweringInput, answerer: Answerer, teller: WindowTeller) {
    const { name, stream } = input.target;
    this.#input = input;
    this.#answerer = answerer;
    this.#teller = teller;
    this.#topics = topicsOf(input.target);
    this.groupId = consumerGroups(stream.topicPrefix, name).predict;
    this.transactionalId = `${this.#topics.predictions}.${input.workerId}`;
    this.maxInFlight = predictOf(stream).maxInFlight;
  }

  get topic(): string {
    return this.#topics.features;
  }

  get deadLetterTopic(): string {
    return this.#topics.deadLetter;
  }

  async connect(connection: KafkaConnection, settings: ConsumerGlobalConfig): Promise<KafkaConsumer> {
    const { stream } = this.#input.target;
    return await connectFeatureConsumer(connection, stream, this.role, this.groupId, settings);
  }

  /** So that what is asked about does not depend on who answers: learns what was answered before. */
  async assigned(partitions: readonly number[], connection: KafkaConnection): Promise<void> {
    const { target } = this.#input;
    const rules = reviewOf(target.stream);
    const topic = this.#topics.predictions;
    const consumer = await connectConsumer(connection, this.role, { 'group.id': `${this.groupId}.past` });
    try {
      for (const partition of partitions) {
        const selector = new ReviewSelector(rules);
        this.#selectors.set(partition, selector);
        const { lowOffset, highOffset } = await watermarks(consumer, topic, partition);
        // Markers of transactions, clips with a label and other datasets have offsets there too.
        const offset = Math.max(lowOffset, highOffset - OFFSETS_PER_ANSWER * rules.compareWith);
        if (offset >= highOffset) continue;
        for await (const message of readRange(consumer, { topic, partition, offset }, highOffset)) {
          const past = answerSchema.safeParse(jsonOf(message.value));
          if (past.success && past.data.dataset === target.name && past.data.label === undefined) {
            selector.add(past.data.scores, past.data.review);
          }
        }
      }
    } finally {
      await disconnect(consumer);
    }
  }

  async work(message: Message, _slot: Slot, signal: AbortSignal): Promise<Outcome> {
    return await new Promise<Outcome>((resolve, reject) => {
      this.#waiting.push({ message, signal, resolve, reject });
      void this.#judgeAll();
    });
  }

  records(slots: readonly Slot[]): OutgoingRecord[] {
    return slots.flatMap((slot) => this.#recordsOf(slot));
  }

  /** Asked for again with every record that comes. */
  bytes(outcome: Outcome | Letter): number {
    if (outcome.kind !== 'answer') return 0;
    const known = this.#bytes.get(outcome.answer);
    if (known !== undefined) return known;
    const bytes = JSON.stringify(outcome.answer).length;
    this.#bytes.set(outcome.answer, bytes);
    return bytes;
  }

  published(slots: readonly Slot[]): void {
    const { records, bytes, latency } = this.#input.metrics;
    for (const slot of slots) {
      const { outcome } = slot;
      if (outcome === undefined) continue;
      records.inc({ outcome: nameOf(outcome) });
      if (this.#asked.has(slot)) records.inc({ outcome: 'review' });
      if (outcome.kind !== 'answer') continue;
      bytes.inc(this.bytes(outcome));
      this.#teller.add(outcome.answer, outcome.trained);
      latency.observe(Math.max(0, Date.now() - Date.parse(outcome.answer.sentAt)) / 1_000);
    }
  }

  revoked(): void {
    this.#waiting = [];
    this.#selectors.clear();
  }

  #recordsOf(slot: Slot): OutgoingRecord[] {
    const { outcome, partition } = slot;
    const { predictions, review, deadLetter } = this.#topics;
    if (outcome === undefined) return [];
    if (outcome.kind === 'deleted') return [outcome.record];
    if (outcome.kind === 'dead-letter') {
      return [{ topic: deadLetter, ...encodeDeadLetter(outcome.letter) }];
    }
    if (outcome.kind !== 'answer') return [];
    const reasons = this.#choose(partition, outcome.answer);
    const answer: Answer = { ...outcome.answer, review: reasons.length > 0 };
    const common = { key: answer.clipId, partition };
    const records = [{ topic: predictions, ...common, value: encode(answerSchema.parse(answer)) }];
    if (reasons.length === 0) return records;
    this.#asked.add(slot);
    const value = encode(reviewSchema.parse(reviewOfAnswer(answer, reasons)));
    return [...records, { topic: review, ...common, value }];
  }

  #choose(partition: number, answer: Omit<Answer, 'review'>): Review['reasons'] {
    const selector = this.#selectors.get(partition);
    if (selector === undefined || answer.label !== undefined) return [];
    const reasons = selector.reasonsFor(answer.scores);
    selector.add(answer.scores, reasons.length > 0);
    return reasons;
  }

  async #judgeAll(): Promise<void> {
    if (this.#judging) return;
    this.#judging = true;
    try {
      // What was read together is judged together.
      await new Promise((resolve) => setImmediate(resolve));
      while (this.#waiting.length > 0) await this.#judgeNext();
    } finally {
      this.#judging = false;
    }
  }

  async #judgeNext(): Promise<void> {
    const { batchClips } = predictOf(this.#input.target.stream);
    const batch = this.#waiting.splice(0, batchClips).filter(({ signal }) => !signal.aborted);
    if (batch.length === 0) return;
    try {
      const outcomes = await this.#judge(batch);
      if (outcomes === undefined) {
        if (this.#input.signal.aborted)
          throw new ModalmixError('transient', 'no version of the model can answer');
        this.#waiting.unshift(...batch);
        await sleep(NO_VERSION_WAIT_MS);
      } else for (const [at, { resolve }] of batch.entries()) resolve(outcomes[at]!);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  /** @returns undefined when no version can answer now */
  async #judge(batch: readonly Waiting[]): Promise<Outcome[] | undefined> {
    const { metrics, log, model } = this.#input;
    const startedAt = performance.now();
    const answered = await this.#answerer.judge(batch.map(({ message }) => message.value));
    if (answered === undefined) {
      if (!this.#toldOfNoVersion)
        log.warn({ model }, 'clips wait until a version of the model can answer them');
      this.#toldOfNoVersion = true;
      return undefined;
    }
    this.#toldOfNoVersion = false;
    metrics.work.observe((performance.now() - startedAt) / 1_000);
    const answeredAt = new Date().toISOString();
    return answered.judged.map((judged, at): Outcome => {
      if (judged.as === 'answer') {
        const answer = this.#answerOf(judged, answered.model, answeredAt);
        return { kind: 'answer', answer, trained: answered.trained };
      }
      if (judged.as !== 'invalid') return { kind: judged.as };
      const letter = deadLetterOf(batch[at]!.message, 'invalid-record', judged.reason);
      return { kind: 'dead-letter', letter };
    });
  }

  #answerOf(judged: JudgedAnswer, model: Answer['model'], answeredAt: string): Omit<Answer, 'review'> {
    const { clipId, label, sentAt, source, classNames, fused, branches, missing, distance } = judged;
    const byClass = (probabilities: readonly number[]) =>
      Object.fromEntries(classNames.map((name, k) => [name, probabilities[k]!]));
    return {
      schemaVersion: 1,
      clipId,
      dataset: this.#input.target.name,
      model,
      fused: byClass(fused),
      branches: Object.fromEntries(
        entriesOf(branches).map(([modality, probabilities]) => [modality, byClass(probabilities)]),
      ),
      missing,
      scores: answerScores(
        fused,
        entriesOf(branches).map(([, probabilities]) => probabilities),
        distance,
      ),
      ...(label === undefined ? {} : { label }),
      event: source,
      sentAt,
      answeredAt,
    };
  }
}

function reviewOfAnswer(answer: Answer, reasons: Review['reasons']): Review {
  const { clipId, dataset, model, event, answeredAt } = answer;
  const [predicted, probability] = Object.entries(answer.fused).reduce((best, one) =>
    one[1] > best[1] ? one : best,
  );
  return { schemaVersion: 1, clipId, dataset, reasons, predicted, probability, model, event, answeredAt };
}

function encode(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function nameOf(outcome: Outcome | Letter): string {
  if (outcome.kind === 'dead-letter') return outcome.letter.code;
  if (outcome.kind === 'deleted') return 'deleted-unread';
  return outcome.kind === 'answer' ? 'answered' : outcome.kind;
}
