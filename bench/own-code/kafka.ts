/** Our addons for node-rdkafka (`pipelines/streaming/kafka/native/`) beside other clients, and the sink with and without one. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { z } from 'zod';
import { nodeWithTypeScript } from '../../infra/supervisor/supervise.ts';
import { connectProducer, createTopic, disconnect } from '../../pipelines/streaming/kafka/clients.ts';
import type { KafkaConnection } from '../../pipelines/streaming/kafka/connection.ts';
import { deliver } from '../../pipelines/streaming/kafka/deliver.ts';
import { ensureTopics } from '../../pipelines/streaming/kafka/topics.ts';
import { topicsOf } from '../../pipelines/streaming/stream-target.ts';
import { connectFeatureProducer, featureRecord, targetOf, withBroker } from '../benches/stream-parts.ts';
import { inTurns } from '../harness/in-turns.ts';
import type { Compared, Measured, OwnCodeOptions } from './compared.ts';
import { requireKafkaPeers, type KafkaPeers } from './peers.ts';

const SMALL_RECORDS = 20_000;
const SMALL_BYTES = 10_000;
const LARGE_RECORDS = 1_000;
const LARGE_MB = 0.98;
const QUICK = { small: 2_000, large: 50 };
const PARTITIONS = 4;
const BROKERS_LIMIT = 2 ** 21;
const CHILD = fileURLToPath(new URL('kafka-child.ts', import.meta.url));
const SINK_CHILD = fileURLToPath(new URL('kafka-sink-child.ts', import.meta.url));
/** As of the child, which no file of ours may import for its values. */
const TOPICS = { input: 'own-code-in', output: 'own-code-out', large: 'own-code-large' };

const tookSchema = z.object({ seconds: z.number(), processor: z.number(), done: z.number() });

export async function measureKafka(options: OwnCodeOptions): Promise<Compared[]> {
  const peers = await requireKafkaPeers(options.say);
  return await withBroker(options.scratch, async (connection) => {
    const small = options.quick ? QUICK.small : SMALL_RECORDS;
    const large = options.quick ? QUICK.large : LARGE_RECORDS;
    await fill(connection, small, large);
    options.say('the topics are filled');
    return [
      await measureSink(connection, large, options),
      await measureLarge(connection, peers, large, options),
      await measureTransactions(connection, peers, small, options),
    ];
  });
}

async function fill(connection: KafkaConnection, small: number, large: number): Promise<void> {
  for (const topic of Object.values(TOPICS)) {
    const config = { 'max.message.bytes': String(BROKERS_LIMIT) };
    await createTopic(connection, {
      ...{ topic, partitions: PARTITIONS, replicationFactor: 1, config, fields: {} },
    });
  }
  const target = targetOf({ name: 'sink', flushS: 86_400 });
  await ensureTopics(connection, target.stream);
  const producer = await connectFeatureProducer(connection, target);
  const group = Array.from({ length: 64 }, (_, i) => featureRecord(i, target));
  const records = function* (topic: string, count: number) {
    for (let i = 0; i < count; i += 1) yield { topic, key: `clip-${String(i)}`, value: group[i % 64]! };
  };
  await deliver(producer, records(TOPICS.large, large), 64);
  // The sink knows a clip by its id: each is another one.
  const distinct = function* () {
    const topic = topicsOf(target).features;
    for (let i = 0; i < large; i += 1)
      yield { topic, key: `clip-${String(i)}`, value: featureRecord(i, target) };
  };
  await deliver(producer, distinct(), 64);
  await disconnect(producer);
  const other = await connectProducer(connection, 'bench', { dr_cb: true });
  const value = Buffer.alloc(SMALL_BYTES, 'modalmix');
  const smalls = function* () {
    for (let i = 0; i < small; i += 1) yield { topic: TOPICS.input, key: String(i), value };
  };
  await deliver(other, smalls());
  await disconnect(other);
}

async function measureSink(
  connection: KafkaConnection,
  records: number,
  { rounds, scratch, say }: OwnCodeOptions,
): Promise<Compared> {
  let run = 0;
  const contender = (way: 'lent' | 'copied') => async () => {
    run += 1;
    const { program, args } = nodeWithTypeScript();
    const words = [way, connection.brokers.join(), scratch, String(run), String(records)];
    const { stdout } = await execa(program, [...args, SINK_CHILD, ...words], { stdin: 'ignore' });
    await rm(join(scratch, 'stores'), { recursive: true });
    const measured = rates(tookSchema.parse(JSON.parse(stdout)), records * LARGE_MB);
    say(`sink, ${way}: ${measured['rate']!.toFixed(0)} MB/s`);
    return measured;
  };
  return {
    title: 'Features → shards, with and without records that are lent',
    method: `${String(records)} records of 0.98 MB on four partitions of the embedded broker, by the product’s sink in a process of its own, durable at the end; its start counts.`,
    figures: RATES,
    rounds: await inTurns(rounds, {
      'ours: node-rdkafka, records lent by our addon': contender('lent'),
      'node-rdkafka, records copied': contender('copied'),
    }),
  };
}

async function measureLarge(
  connection: KafkaConnection,
  peers: KafkaPeers,
  records: number,
  options: OwnCodeOptions,
): Promise<Compared> {
  const run = runner(connection, peers, 'large', records, records * LARGE_MB);
  return {
    title: 'Reading features, by client',
    method: `The same number of records of 0.98 MB, read as committed and copied once into memory that is used again; the clock from the first records on, processor time from when the client is loaded.`,
    figures: RATES,
    rounds: await inTurns(options.rounds, {
      'ours: node-rdkafka, records lent by our addon': run('lent'),
      'node-rdkafka 3.6.1': run('copied'),
      ...confluent(peers, run),
      '@platformatic/kafka 2.12.1, Node 24': run('platformatic'),
    }),
    problems: confluentProblem(peers),
  };
}

async function measureTransactions(
  connection: KafkaConnection,
  peers: KafkaPeers,
  records: number,
  options: OwnCodeOptions,
): Promise<Compared> {
  const run = runner(connection, peers, 'transactions', records, (records * SMALL_BYTES) / 1e6);
  return {
    title: 'Read, write and commit in transactions, by client',
    method: `${String(records)} records of 10 kB from one topic to another, up to 500 and their offsets in a transaction, as ingest and predict workers do. No addon of ours is on this way.`,
    figures: RATES,
    rounds: await inTurns(options.rounds, {
      'node-rdkafka 3.6.1, as now': run('copied'),
      ...confluent(peers, run),
      '@platformatic/kafka 2.12.1, Node 24': run('platformatic'),
    }),
    problems: confluentProblem(peers),
  };
}

const RATES = {
  rate: { unit: 'MB/s', digits: 0 },
  processor: { unit: 's/GB', digits: 2 },
} as const;

function rates({ seconds, processor }: z.infer<typeof tookSchema>, megabytes: number): Measured {
  return { rate: megabytes / seconds, processor: processor / (megabytes / 1_000) };
}

type Client = 'lent' | 'copied' | 'confluent' | 'platformatic';
type Runner = (client: Client) => () => Promise<Measured>;

function runner(
  connection: KafkaConnection,
  { folder, node24 }: KafkaPeers,
  task: string,
  records: number,
  megabytes: number,
): Runner {
  let run = 0;
  return (client) => async () => {
    run += 1;
    const { program, args } = nodeWithTypeScript();
    const [node, before] = client === 'platformatic' ? [node24, []] : [program, args];
    const words = [client, task, connection.brokers.join(), folder, `${client}-${task}-${String(run)}`];
    const { stdout } = await execa(node, [...before, CHILD, ...words, String(records)], {
      stdin: 'ignore',
      timeout: 300_000,
    });
    return rates(tookSchema.parse(JSON.parse(stdout)), megabytes);
  };
}

function confluent(
  { confluentProblem: problem }: KafkaPeers,
  run: Runner,
): Record<string, () => Promise<Measured>> {
  return problem === undefined ? { [CONFLUENT]: run('confluent') } : {};
}

function confluentProblem({ confluentProblem: problem }: KafkaPeers): Record<string, string> {
  return problem === undefined ? {} : { [CONFLUENT]: problem };
}

const CONFLUENT = '@confluentinc/kafka-javascript 1.10.1';
