/** Apache Kafka in KRaft mode, one node, as a program: its settings, its storage and its command line. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { ModalmixError } from '../../schemas/errors.ts';
import type { ServerCommand } from '../detached-server.ts';
import { requireClassPath, requireJava } from './jars.ts';

const FORMAT_TIMEOUT_MS = 180_000;
/** Above the longest feature row that a config may allow. */
const MESSAGE_MAX_BYTES = 268_435_456;

export type BrokerSettings = Readonly<Record<string, string | number | boolean>>;

export interface BrokerFolders {
  /** Gets `server.properties`. */
  readonly folder: string;
  /** Topics and the cluster's metadata; formatted when it is new. */
  readonly data: string;
}

export interface BrokerOptions {
  /** Listeners and what else is not in `ONE_NODE`. */
  readonly settings: BrokerSettings;
  /** More of them for `kafka.tools.StorageTool format`; asked for where the storage is new. */
  readonly formatArguments?: () => readonly string[];
  /** Called when it has been formatted. */
  readonly onFormatted?: () => void;
}

/**
 * Writes the settings, formats the storage when it is new, and gives the command that starts the broker.
 *
 * @throws ModalmixError `dependency` without Java or the jars, or when the storage cannot be formatted
 */
export async function prepareBroker(
  folders: BrokerFolders,
  { settings, formatArguments = () => [], onFormatted }: BrokerOptions,
): Promise<ServerCommand> {
  const java = requireJava();
  const classPath = requireClassPath();
  mkdirSync(folders.folder, { recursive: true });
  const config = join(folders.folder, 'server.properties');
  // Backslashes are escapes in properties files.
  const all = { ...ONE_NODE, 'log.dirs': folders.data.replaceAll('\\', '/'), ...settings };
  // Passwords are in it, and a file that is there would keep its mode.
  rmSync(config, { force: true });
  writeFileSync(config, properties(all), { mode: 0o600 });
  if (!existsSync(join(folders.data, 'meta.properties'))) {
    await format(java, classPath, config, folders.data, formatArguments());
    onFormatted?.();
  }
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
async function format(
  java: string,
  classPath: string,
  config: string,
  data: string,
  more: readonly string[],
): Promise<void> {
  const storageTool = [
    '-cp',
    classPath,
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
    'kafka.tools.StorageTool',
  ];
  const options = { reject: false, timeout: FORMAT_TIMEOUT_MS, stdin: 'ignore', all: true } as const;
  const id = await execa(java, [...storageTool, 'random-uuid'], options);
  const clusterId = id.stdout.trim().split('\n').at(-1) ?? '';
  const words = ['format', '--cluster-id', clusterId, '--config', config, ...more];
  const formatted = id.exitCode === 0 ? await execa(java, [...storageTool, ...words], options) : id;
  if (formatted.exitCode === 0) return;
  throw new ModalmixError(
    'dependency',
    `the broker's storage could not be formatted:\n${formatted.all.slice(-2_000)}`,
    {
      where: data,
      fix: 'Check that Java is 17 or later, that the disk has room and that this user may write there.',
    },
  );
}

const ONE_NODE: BrokerSettings = {
  'process.roles': 'broker,controller',
  'node.id': 1,
  'controller.listener.names': 'CONTROLLER',
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

function properties(settings: BrokerSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${String(value)}\n`)
    .join('');
}
