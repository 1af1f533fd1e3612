/** Brokers that ask for a name, a password or a certificate: the real ones, with each way in. */
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createExtractor } from '../../../../pipelines/extraction/create-extractor.ts';
import {
  connectConsumer,
  connectProducer,
  consume,
  disconnect,
} from '../../../../pipelines/streaming/kafka/clients.ts';
import { connectionFromEnvironment } from '../../../../pipelines/streaming/kafka/connection.ts';
import { deliver } from '../../../../pipelines/streaming/kafka/deliver.ts';
import { clipEventsOf, sendClipEvents } from '../../../../pipelines/streaming/send-clips.ts';
import { ensureTopics } from '../../../../pipelines/streaming/kafka/topics.ts';
import { describeError } from '../../../../schemas/errors.ts';
import { streamConfigSchema } from '../../../../schemas/config/stream-config.ts';
import {
  KEY_PASSWORD,
  PASSWORD,
  USER,
  startSecuredBroker,
  type SecuredBroker,
} from '../../../support/secured-broker.ts';
import { createStream, endWorker, eventually } from '../../../support/stream-fixture.ts';
import { makeTinyClips } from '../../../support/tiny-clips.ts';

const PATIENCE_MS = 300_000;

let broker: SecuredBroker;

beforeAll(async () => {
  broker = await startSecuredBroker();
}, PATIENCE_MS);

afterAll(async () => await broker.stop(), PATIENCE_MS);

afterEach(() => {
  vi.unstubAllEnvs();
});

type Variables = Record<string, string>;

const sasl = (mechanism: string, password = PASSWORD): Variables => ({
  KAFKA_SASL_MECHANISM: mechanism,
  KAFKA_SASL_USERNAME: USER,
  KAFKA_SASL_PASSWORD: password,
});
const overPlain = (mechanism: string): Variables => ({
  KAFKA_BROKERS: broker.brokers.sasl,
  ...sasl(mechanism),
});
const overTls = (mechanism: string): Variables => ({
  KAFKA_BROKERS: broker.brokers.saslTls,
  KAFKA_TLS_CA_PATH: broker.files.ca,
  ...sasl(mechanism),
});
const certificate = (): Variables => ({
  KAFKA_BROKERS: broker.brokers.mutualTls,
  KAFKA_TLS_CA_PATH: broker.files.ca,
  KAFKA_TLS_CLIENT_CERT_PATH: broker.files.clientCert,
  KAFKA_TLS_CLIENT_KEY_PATH: broker.files.clientKey,
  KAFKA_TLS_CLIENT_KEY_PASSWORD: KEY_PASSWORD,
});

describe('a record goes out and comes back', () => {
  test.each<[string, () => Variables]>([
    ['PLAIN', () => overPlain('PLAIN')],
    ['SCRAM-SHA-256', () => overPlain('SCRAM-SHA-256')],
    ['SCRAM-SHA-512', () => overPlain('SCRAM-SHA-512')],
    ['PLAIN over TLS', () => overTls('PLAIN')],
    ['SCRAM-SHA-256 over TLS', () => overTls('SCRAM-SHA-256')],
    ['a client certificate', certificate],
  ])('by %s', async (name, variables) => {
    const connection = connectionFromEnvironment(variables())!;
    const prefix = name.replaceAll(/[^A-Za-z0-9]+/gu, '-');
    const { clips } = await ensureTopics(
      connection,
      streamConfigSchema.parse({ topicPrefix: prefix, topics: { partitions: 1 } }),
    );
    const producer = await connectProducer(connection, 'test', { dr_cb: true });
    const consumer = await connectConsumer(connection, 'test', { 'group.id': `${prefix}-test` });
    try {
      await deliver(producer, [{ topic: clips, key: 'k', value: Buffer.from(name) }]);
      consumer.assign([{ topic: clips, partition: 0, offset: 0 }]);
      const values = await eventually('the record', PATIENCE_MS, async () => {
        const messages = await consume(consumer, 10);
        return messages.length === 0 ? undefined : messages.map(({ value }) => value?.toString());
      });
      expect(values).toEqual([name]);
    } finally {
      await disconnect(consumer);
      await disconnect(producer);
    }
  });
});

describe('who may not come in is told why, and no secret is shown', () => {
  test.each<[string, () => Variables]>([
    ['a wrong password', () => ({ ...overTls('SCRAM-SHA-512'), ...sasl('SCRAM-SHA-512', 'guessed-wrong') })],
    [
      'an authority that did not sign',
      () => ({ ...overTls('PLAIN'), KAFKA_TLS_CA_PATH: broker.files.strangerCa }),
    ],
    ['a key that stays locked', () => ({ ...certificate(), KAFKA_TLS_CLIENT_KEY_PASSWORD: 'guessed-wrong' })],
  ])('%s', async (_name, variables) => {
    const error: unknown = await connectProducer(connectionFromEnvironment(variables())!, 'test').then(
      async (producer) => {
        await disconnect(producer);
        return undefined;
      },
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ kind: 'config' });
    const told = describeError(error) + inspect(error, { depth: 10 });
    expect(told).toMatch(/user name, password, certificates/u);
    for (const secret of [PASSWORD, KEY_PASSWORD, 'guessed-wrong']) expect(told).not.toContain(secret);
  });
});

test('a broker that closes the connection for want of a certificate is one of the reasons that are named', async () => {
  const variables = { KAFKA_BROKERS: broker.brokers.mutualTls, KAFKA_TLS_CA_PATH: broker.files.ca };
  const connecting = connectProducer(connectionFromEnvironment(variables)!, 'test');
  const error: unknown = await connecting.catch((caught: unknown) => caught);
  expect(error).toMatchObject({ kind: 'transient', where: broker.brokers.mutualTls });
  expect(describeError(error)).toContain('certificate of the client');
});

test.runIf(process.platform === 'linux')(
  'who may not ask for settings works all the same, and is told once what is not checked',
  async () => {
    await broker.allowOnly('unasked.', ['Create', 'Describe', 'Read', 'Write']);
    const connection = connectionFromEnvironment(overPlain('PLAIN'))!;
    const stream = streamConfigSchema.parse({ topicPrefix: 'unasked', topics: { partitions: 1 } });
    const warnings: string[] = [];
    const warn = (text: string) => warnings.push(text);
    await ensureTopics(connection, stream, warn);
    expect(warnings).toEqual([]);
    await ensureTopics(connection, stream, warn);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/not checked .*authorization failed/iu);
    expect(warnings[0]).toContain('unasked.features: cleanup.policy=delete, retention.ms=604800000');
    expect(warnings[0]).toContain('DescribeConfigs');
  },
  PATIENCE_MS,
);

test(
  'clips become shard rows through a broker behind TLS and SCRAM, and no log names the password',
  { timeout: 2 * PATIENCE_MS },
  async () => {
    for (const [name, value] of Object.entries(overTls('SCRAM-SHA-512'))) vi.stubEnv(name, value);
    const clips = await makeTinyClips({ clipsPerClass: 4 });
    const stream = await createStream(broker.home, 'secured', clips, await createExtractor(console.warn));
    const connection = await stream.connection();
    expect(connection.brokers).toEqual([broker.brokers.saslTls]);
    const topics = await ensureTopics(connection, stream.settings.target.stream);
    const events = await clipEventsOf(clips, ['high', 'low']);
    const workers = [stream.start('ingest'), stream.start('sink')];
    try {
      await sendClipEvents(connection, topics, events);
      const rows = await eventually('all rows', PATIENCE_MS, async () => {
        const live = await stream.liveRows();
        return live.length === events.length ? live : undefined;
      });
      expect(rows.map(({ clipId }) => clipId).sort()).toEqual(events.map(({ clipId }) => clipId).sort());
    } finally {
      for (const worker of workers) await endWorker(worker, 'SIGTERM');
    }
    const logs = await stream.logs();
    expect(logs).toContain(USER);
    expect(logs).not.toContain(PASSWORD);
  },
);
