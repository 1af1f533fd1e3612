/** Who may use the embedded broker: the home's owner, also where an earlier release, which asked nobody, made its data. */
import { chmod, mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DetachedServer } from '../../../infra/detached-server.ts';
import { brokerDataFolder, brokerFolder } from '../../../infra/kafka/broker-folders.ts';
import { prepareBroker } from '../../../infra/kafka/broker-program.ts';
import { embeddedBroker } from '../../../infra/kafka/embedded-broker.ts';
import { ensureKafka, stopKafka } from '../../../infra/kafka/ensure-kafka.ts';
import { fetchJars } from '../../../infra/kafka/fetch-jars.ts';
import { brokerAnswers } from '../../../pipelines/streaming/kafka/broker-health.ts';
import { connectConsumer, connectProducer, disconnect } from '../../../pipelines/streaming/kafka/clients.ts';
import { deliver } from '../../../pipelines/streaming/kafka/deliver.ts';
import { readWhole } from '../../../pipelines/streaming/kafka/read-topic.ts';
import { ensureTopics } from '../../../pipelines/streaming/kafka/topics.ts';
import { streamConfigSchema } from '../../../schemas/config/stream-config.ts';
import { ENVIRONMENT } from '../../../schemas/names.ts';
import { trySecondUser } from '../../support/second-user.ts';

const CLIPS = 'kept.clips';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'modalmix-broker-'));
  process.env[ENVIRONMENT.home] = home;
  await fetchJars();
});
afterAll(async () => {
  await stopKafka();
  await rm(home, { recursive: true, force: true });
});

/** As earlier releases ran it. */
const openBroker = new DetachedServer({
  ...{
    name: 'open broker',
    folder: brokerFolder,
    portCount: 2,
    startTimeoutMs: 180_000,
    stopGraceMs: 15_000,
  },
  prepare: async ([clients = 0, controller = 0]) =>
    await prepareBroker(
      { folder: brokerFolder(), data: brokerDataFolder() },
      {
        settings: {
          'controller.quorum.voters': `1@127.0.0.1:${String(controller)}`,
          listeners: `PLAINTEXT://127.0.0.1:${String(clients)},CONTROLLER://127.0.0.1:${String(controller)}`,
          'advertised.listeners': `PLAINTEXT://127.0.0.1:${String(clients)}`,
          'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
        },
      },
    ),
  answers: async ([port = 0]) =>
    await brokerAnswers({ brokers: [`127.0.0.1:${String(port)}`], clientId: 'earlier' }),
  fix: () => '',
});

it('is asked for by its owner alone, and keeps what an earlier release put on it', async () => {
  const [port = 0] = (await openBroker.ensure()).ports;
  const open = { brokers: [`127.0.0.1:${String(port)}`], clientId: 'earlier' };
  await ensureTopics(open, streamConfigSchema.parse({ topicPrefix: 'kept', topics: { partitions: 1 } }));
  const producer = await connectProducer(open, 'earlier', { dr_cb: true });
  await deliver(producer, [{ topic: CLIPS, key: 'a', value: Buffer.from('an event') }]);
  await disconnect(producer);
  await openBroker.stop();

  const { connection } = await ensureKafka();
  const keys = async () => {
    const consumer = await connectConsumer(connection, 'test', { 'group.id': 'test' });
    const found: string[] = [];
    for await (const { key } of readWhole(consumer, CLIPS)) found.push(String(key));
    await disconnect(consumer);
    return found;
  };
  expect(await keys()).toEqual(['a']);

  const { ports, process: broker } = embeddedBroker.running()!;
  const secret = join(home, 'keys', 'broker.json');
  expect(((await stat(secret)).mode & 0o777).toString(8)).toBe('600');
  const files = (await readdir(brokerFolder())).map((name) => join(brokerFolder(), name));
  const { answers, commandLines } = await trySecondUser({
    read: [secret, ...files],
    plant: [brokerFolder(), brokerDataFolder()],
    processes: [broker.pid],
    brokers: ports.map((one) => ({ address: `127.0.0.1:${String(one)}`, topic: CLIPS })),
  });
  expect(Object.keys(answers).length).toBeGreaterThan(10);
  expect(Object.entries(answers).filter(([, answer]) => answer !== 'no')).toEqual([]);
  const { password } = JSON.parse(await readFile(secret, 'utf8')) as { readonly password: string };
  expect(commandLines.join('')).toContain('kafka.Kafka');
  expect(commandLines.join('')).not.toContain(password);
  expect(await keys()).toEqual(['a']);

  await chmod(secret, 0o644);
  await expect(ensureKafka()).rejects.toThrow('others than its owner can read or write the password');
  await chmod(secret, 0o600);
});
