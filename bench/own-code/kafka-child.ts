/**
 * One Kafka client at one task, in a process of its own: `kafka-child.ts <client> <task> <broker> <folder> <group> <records>`.
 * Prints what it took as JSON. Runs as it is on Node 24, where one of the clients needs that: no import of ours at the top.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as NodeRdkafka from 'node-rdkafka';
import type { KafkaConsumer, Message, Producer } from 'node-rdkafka';

const TOPICS = { input: 'own-code-in', output: 'own-code-out', large: 'own-code-large' } as const;
const AT_ONCE = 500;
const LARGE_AT_ONCE = 32;
const TIMEOUT_MS = 100;
const TRANSACTION_MS = 15_000;
/** As of `feature-consumer.ts`. */
const FETCH = { partition: 4_194_304, all: 16_777_216, ahead: 32_768, largest: 33_554_432 } as const;

const [client = '', task = '', broker = '', folder = '', group = '', records = '0'] = process.argv.slice(2);
const total = Number(records);
/** What a sink does with a value: one copy into memory that is used again. */
const copy = new Uint8Array(2 ** 21);
let done = 0;
/** From when the client's code is loaded. */
let before = process.cpuUsage();
let clock = 0;

function take(values: readonly (Uint8Array | null)[]): void {
  if (done === 0 && values.length > 0) clock = performance.now();
  for (const value of values) if (value !== null) copy.set(value);
  done += values.length;
}

if (client === 'platformatic') await (task === 'large' ? readWithPlatformatic() : moveWithPlatformatic());
else await (task === 'large' ? readWithRdkafka() : moveWithRdkafka());
const { user, system } = process.cpuUsage(before);
const result = { seconds: (performance.now() - clock) / 1_000, processor: (user + system) / 1e6, done };
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());

type Client = typeof NodeRdkafka;

/** Confluent's has the same interface. */
function rdkafka(): Client {
  if (client !== 'confluent') return createRequire(import.meta.url)('node-rdkafka') as Client;
  return createRequire(join(folder, 'package.json'))('@confluentinc/kafka-javascript') as Client;
}

async function connectConsumer(topic: string): Promise<KafkaConsumer> {
  const { KafkaConsumer: Consumer } = rdkafka();
  if (task === 'large') before = process.cpuUsage();
  const consumer = new Consumer(
    {
      ...{ 'metadata.broker.list': broker, 'group.id': group, log_level: 0 },
      ...{ 'enable.auto.commit': false, 'isolation.level': 'read_committed' },
      ...{ 'fetch.message.max.bytes': FETCH.partition, 'fetch.max.bytes': FETCH.all },
      ...{ 'receive.message.max.bytes': FETCH.largest, 'queued.max.messages.kbytes': FETCH.ahead },
      ...{ 'queued.min.messages': 1_000, 'fetch.queue.backoff.ms': 5 },
    },
    { 'auto.offset.reset': 'earliest' },
  );
  await calling((callback) => consumer.connect({}, callback));
  consumer.setDefaultConsumeTimeout(TIMEOUT_MS);
  consumer.subscribe([topic]);
  return consumer;
}

async function readWithRdkafka(): Promise<void> {
  const lent =
    client === 'lent' ? await import('../../pipelines/streaming/kafka/lent-messages.ts') : undefined;
  if (lent?.canLend() === false) throw new Error('the addon is not compiled');
  const consumer = await connectConsumer(TOPICS.large);
  while (done < total) {
    const { messages, giveBack } =
      lent === undefined
        ? { messages: await consume(consumer, LARGE_AT_ONCE), giveBack: () => undefined }
        : await lent.consumeLent(consumer, LARGE_AT_ONCE, TIMEOUT_MS);
    take(messages.map(({ value }) => value));
    giveBack();
  }
}

async function moveWithRdkafka(): Promise<void> {
  const { Producer: Transactional } = rdkafka();
  before = process.cpuUsage();
  const producer: Producer = new Transactional({
    ...{ 'metadata.broker.list': broker, 'transactional.id': group, log_level: 0 },
    ...{ 'transaction.timeout.ms': TRANSACTION_MS, 'linger.ms': 5 },
  });
  await calling((callback) => producer.connect({}, callback));
  producer.setPollInterval(20);
  await calling((callback) => {
    producer.initTransactions(TRANSACTION_MS, callback);
  });
  const consumer = await connectConsumer(TOPICS.input);
  while (done < total) {
    const messages = await consume(consumer, AT_ONCE);
    if (messages.length === 0) continue;
    take(messages.map(({ value }) => value));
    await calling((callback) => {
      producer.beginTransaction(callback);
    });
    const next = new Map<number, number>();
    for (const { value, key, partition, offset } of messages) {
      producer.produce(TOPICS.output, null, value, key);
      next.set(partition, offset + 1);
    }
    const offsets = [...next].map(([partition, offset]) => ({ topic: TOPICS.input, partition, offset }));
    await calling((callback) => {
      producer.sendOffsetsToTransaction(offsets, consumer, TRANSACTION_MS, callback);
    });
    await calling((callback) => {
      producer.commitTransaction(TRANSACTION_MS, callback);
    });
  }
}

async function consume(consumer: KafkaConsumer, limit: number): Promise<Message[]> {
  return await new Promise((resolve, reject) => {
    consumer.consume(limit, (error, messages) => {
      const failure: unknown = error;
      if (failure === null || failure === undefined) resolve(messages);
      else reject(new Error(error.message));
    });
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : JSON.stringify(error);
}

async function calling(call: (callback: (error?: unknown) => void) => unknown): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    call((error) => {
      if (error === null || error === undefined) resolve();
      else reject(new Error(messageOf(error)));
    });
  });
}

/** What is used of `@platformatic/kafka`, whose own types this project has not. */
interface PlatformaticRecord {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly partition: number;
}
interface PlatformaticConsumer {
  consume(options: object): Promise<AsyncIterable<PlatformaticRecord>>;
}
interface PlatformaticTransaction {
  addConsumer(consumer: PlatformaticConsumer): Promise<void>;
  addOffset(message: PlatformaticRecord): Promise<void>;
  send(options: object): Promise<void>;
  commit(): Promise<void>;
}
interface Platformatic {
  readonly Consumer: new (options: object) => PlatformaticConsumer;
  readonly Producer: new (options: object) => { beginTransaction(): Promise<PlatformaticTransaction> };
}

async function openPlatformatic(topic: string) {
  // An ECMAScript module, found from where it is installed.
  const path = join(folder, 'node_modules', '@platformatic', 'kafka', 'dist', 'index.js');
  const { Consumer, Producer } = (await import(path)) as Platformatic;
  before = process.cpuUsage();
  const common = { clientId: 'bench', bootstrapBrokers: [broker] };
  const consumer = new Consumer({ ...common, groupId: group });
  const stream = await consumer.consume({
    ...{ topics: [topic], mode: 'earliest', autocommit: false, isolationLevel: 1 },
    ...{ maxBytes: FETCH.all, maxBytesPerPartition: FETCH.partition, maxWaitTime: TIMEOUT_MS },
    highWaterMark: topic === TOPICS.large ? LARGE_AT_ONCE : 2 * AT_ONCE,
  });
  return { Producer, common, consumer, stream };
}

async function readWithPlatformatic(): Promise<void> {
  const { stream } = await openPlatformatic(TOPICS.large);
  for await (const { value } of stream) {
    take([value]);
    if (done >= total) return;
  }
}

async function moveWithPlatformatic(): Promise<void> {
  const { stream, consumer, Producer, common } = await openPlatformatic(TOPICS.input);
  const producer = new Producer({ ...common, transactionalId: group, idempotent: true });
  let messages: PlatformaticRecord[] = [];
  for await (const message of stream) {
    messages.push(message);
    if (messages.length < AT_ONCE && done + messages.length < total) continue;
    take(messages.map(({ value }) => value));
    const transaction = await producer.beginTransaction();
    await transaction.addConsumer(consumer);
    await transaction.send({
      messages: messages.map(({ key, value }) => ({ topic: TOPICS.output, key, value })),
    });
    const last = new Map(messages.map((one) => [one.partition, one]));
    for (const one of last.values()) await transaction.addOffset(one);
    await transaction.commit();
    messages = [];
    if (done >= total) return;
  }
}
