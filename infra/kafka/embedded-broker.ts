/** The embedded broker: Apache Kafka in KRaft mode, one node, on the loopback, its data in the home folder. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { ModalmixError } from '../../schemas/errors.ts';
import { DEFAULT_CLIENT_ID, type KafkaConnection } from '../../pipelines/streaming/connection.ts';
import { brokerAnswers } from '../../pipelines/streaming/broker-health.ts';
import { DetachedServer, type Ports, type ServerCommand } from '../detached-server.ts';
import { modalmixHome } from '../folders.ts';
import { LOOPBACK, isPortFree } from '../ports.ts';
import { requireClassPath, requireJava } from './jars.ts';

const FORMAT_TIMEOUT_MS = 180_000;
/** Above the longest feature row that a config may allow. */
const MESSAGE_MAX_BYTES = 268_435_456;

const folder = () => join(modalmixHome(), 'kafka');
const dataFolder = () => join(folder(), 'data');

export const embeddedBroker = new DetachedServer({
  name: 'Kafka broker',
  folder,
  portCount: 2,
  prepare,
  answers,
  // A busy machine takes its time to start a Java program.
  startTimeoutMs: 180_000,
  stopGraceMs: 15_000,
  fix: () =>
    `Look at the log. To begin with an empty broker, delete ${dataFolder()}: what is in the shards stays, events that are not yet there are lost.`,
});

async function answers(ports: Ports): Promise<boolean> {
  // The client would wait for its timeout where nobody listens yet.
  return !(await isPortFree(ports[0] ?? 0)) && (await brokerAnswers(connectionTo(ports)));
}

/** How clients reach it. */
export function connectionTo(ports: Ports): KafkaConnection {
  return { brokers: [`${LOOPBACK}:${ports[0] ?? 0}`], clientId: DEFAULT_CLIENT_ID };
}

async function prepare(ports: Ports): Promise<ServerCommand> {
  const java = requireJava();
  const classPath = requireClassPath();
  mkdirSync(folder(), { recursive: true });
  const config = join(folder(), 'server.properties');
  writeFileSync(config, properties(ports));
  if (!existsSync(join(dataFolder(), 'meta.properties'))) await format(java, classPath, config);
  return {
    program: java,
    arguments: [
      ...['-Xms128m', '-Xmx768m', '-XX:MaxDirectMemorySize=512m', '-Djava.awt.headless=true'],
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
      '-Dorg.slf4j.simpleLogger.showDateTime=true',
      '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS',
      ...['-cp', classPath, 'kafka.Kafka', config],
    ],
  };
}

/** Writes the cluster's id into the data folder. */
async function format(java: string, classPath: string, config: string): Promise<void> {
  const storageTool = [
    '-cp',
    classPath,
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
    'kafka.tools.StorageTool',
  ];
  const options = { reject: false, timeout: FORMAT_TIMEOUT_MS, stdin: 'ignore', all: true } as const;
  const id = await execa(java, [...storageTool, 'random-uuid'], options);
  const clusterId = id.stdout.trim().split('\n').at(-1) ?? '';
  const formatted =
    id.exitCode === 0
      ? await execa(java, [...storageTool, 'format', '--cluster-id', clusterId, '--config', config], options)
      : id;
  if (formatted.exitCode === 0) return;
  throw new ModalmixError(
    'dependency',
    `the broker's storage could not be formatted:\n${formatted.all.slice(-2_000)}`,
    {
      where: dataFolder(),
      fix: 'Check that Java is 17 or later, that the disk has room and that this user may write there.',
    },
  );
}

function properties(ports: Ports): string {
  const [clients = 0, controller = 0] = ports;
  const settings: Readonly<Record<string, string | number | boolean>> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${LOOPBACK}:${controller}`,
    listeners: `PLAINTEXT://${LOOPBACK}:${clients},CONTROLLER://${LOOPBACK}:${controller}`,
    'advertised.listeners': `PLAINTEXT://${LOOPBACK}:${clients}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    // Backslashes are escapes in properties files.
    'log.dirs': dataFolder().replaceAll('\\', '/'),
    'auto.create.topics.enable': false,
    'message.max.bytes': MESSAGE_MAX_BYTES,
    'replica.fetch.max.bytes': MESSAGE_MAX_BYTES,
    // One node: nothing to replicate to.
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.num.partitions': 8,
    // After a SIGKILL it waits until its former self counts as gone.
    'broker.session.timeout.ms': 1_500,
    'broker.heartbeat.interval.ms': 500,
    'group.initial.rebalance.delay.ms': 0,
    // A worker that was killed must not hold up the readers of committed rows for long.
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1_000,
    'log.cleaner.dedupe.buffer.size': 16_777_216,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
