/** Kafka clients with promises, and errors that say whether trying again may help. */
import type { EventEmitter } from 'node:events';
import type {
  ConsumerGlobalConfig,
  KafkaConsumer,
  LibrdKafkaError,
  Message,
  Producer,
  ProducerGlobalConfig,
  TopicPartitionOffset,
  WatermarkOffsets,
} from 'node-rdkafka';
import { ModalmixError, type ErrorKind } from '../../../schemas/errors.ts';
import { clientSettings, type KafkaConnection } from './connection.ts';
import { rdkafka } from './rdkafka.ts';

/** Codes of librdkafka that the project acts on. */
export const KAFKA_CODES = {
  badSettings: -172,
  authentication: -169,
  ssl: -181,
  queueFull: -184,
  assignPartitions: -175,
  revokePartitions: -174,
  topicExists: 36,
  topicAuthorization: 29,
  groupAuthorization: 30,
  clusterAuthorization: 31,
  unsupportedVersion: 35,
  unsupportedFeature: -165,
  messageTooLarge: 10,
} as const;

const CONFIG_CODES: readonly number[] = [
  KAFKA_CODES.authentication,
  KAFKA_CODES.ssl,
  KAFKA_CODES.topicAuthorization,
  KAFKA_CODES.groupAuthorization,
];

const CREDENTIALS_FIX = 'Check user name, password, certificates and the rights of this user.';

/** What the client said, as one of ours: `config` where the answer will stay the same, else `transient`. */
export function kafkaError(error: unknown, doing: string): ModalmixError {
  if (error instanceof ModalmixError) return error;
  const code = codeOf(error);
  const kind: ErrorKind = code !== undefined && CONFIG_CODES.includes(code) ? 'config' : 'transient';
  const message = error instanceof Error ? error.message : String(error);
  return new ModalmixError(kind, `${doing}: ${message}`, {
    where: 'Kafka',
    ...(kind === 'config' ? { fix: CREDENTIALS_FIX } : {}),
    cause: error,
  });
}

export function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'number' ? error.code : undefined;
  return CODE_OF_EVENT[error.message] ?? code;
}

/** Error events come with librdkafka's words (`rd_kafka_err2str`, lower case), without its code. */
const CODE_OF_EVENT: Readonly<Record<string, number>> = {
  'authentication failure': KAFKA_CODES.authentication,
  'ssl error': KAFKA_CODES.ssl,
};

type Callback<T> = (error: LibrdKafkaError | null | undefined, value: T) => void;

async function promised<T>(doing: string, call: (callback: Callback<T>) => void): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    try {
      call((error, value) => {
        if (error === null || error === undefined) resolve(value);
        else reject(kafkaError(error, doing));
      });
    } catch (error) {
      reject(kafkaError(error, doing));
    }
  });
}

export const CONNECT_TIMEOUT_MS = 10_000;
const DISCONNECT_TIMEOUT_MS = 5_000;
const POLL_INTERVAL_MS = 20;

/**
 * A connected producer: idempotent, waiting for all in-sync replicas.
 * @throws ModalmixError `transient` when no broker answers, `config` when it refuses the credentials
 */
export async function connectProducer(
  connection: KafkaConnection,
  role: string,
  settings: ProducerGlobalConfig = {},
): Promise<Producer> {
  const producer = new (rdkafka().Producer)({
    ...clientSettings(connection, role),
    'enable.idempotence': true,
    // Only so is order kept on a partition that a leader just took: see `ensureTopics`.
    'max.in.flight.requests.per.connection': 1,
    'linger.ms': 5,
    ...settings,
  });
  await connectClient(producer, connection, 'connecting a producer');
  producer.setPollInterval(POLL_INTERVAL_MS);
  return producer;
}

/**
 * A connected consumer that commits nothing by itself. Errors as `connectProducer`.
 * @param offsetReset what happens at an offset that is no longer there: reading on behind the gap, or an error
 */
export async function connectConsumer(
  connection: KafkaConnection,
  role: string,
  settings: ConsumerGlobalConfig,
  offsetReset: 'earliest' | 'error' = 'earliest',
): Promise<KafkaConsumer> {
  const consumer = new (rdkafka().KafkaConsumer)(
    {
      ...clientSettings(connection, role),
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      'isolation.level': 'read_committed',
      // Tells where a partition's end is, and lets `consume` return early there.
      'enable.partition.eof': true,
      ...settings,
    },
    { 'auto.offset.reset': offsetReset },
  );
  await connectClient(consumer, connection, 'connecting a consumer');
  return consumer;
}

async function connectClient(
  client: Producer | KafkaConsumer,
  connection: KafkaConnection,
  doing: string,
): Promise<void> {
  // Why it cannot connect comes as events; the callback itself only says that it timed out.
  let told: LibrdKafkaError | undefined;
  const refused = new Promise<never>((_, reject) => {
    const emitter: EventEmitter = client;
    emitter.on('event.error', (error: LibrdKafkaError) => {
      told ??= error;
      const failure = kafkaError(error, doing);
      if (failure.kind === 'config') reject(failure);
    });
  });
  // Nothing else polls a producer before it is connected, and events come by polling.
  const polling = setInterval(() => {
    if (client instanceof rdkafka().Producer && client.isConnected()) client.poll();
  }, POLL_INTERVAL_MS);
  const connected = promised<unknown>(doing, (callback) => {
    if (client instanceof rdkafka().Producer) client.connect({ timeout: CONNECT_TIMEOUT_MS }, callback);
    else client.connect({ timeout: CONNECT_TIMEOUT_MS }, callback);
  });
  try {
    // Whom the brokers refuse they will go on refusing: the timeout need not be waited for.
    await Promise.race([connected, refused]);
  } catch (error) {
    // The library still waits and must not be disturbed meanwhile.
    void connected.catch(() => undefined).then(async () => await disconnect(client));
    // A refusal says more than the lost connections that may have been told before it.
    const isRefusal = error instanceof ModalmixError && error.kind === 'config';
    throw connectFailure(isRefusal ? error : kafkaError(told ?? error, doing), connection);
  } finally {
    clearInterval(polling);
  }
}

/** @param failure whose code for bad settings means, while connecting, that the client could not be made of them */
function connectFailure(failure: ModalmixError, connection: KafkaConnection): ModalmixError {
  const { message, cause } = failure;
  const where = connection.brokers.join(',');
  if (failure.kind === 'config' || codeOf(cause) === KAFKA_CODES.badSettings) {
    return new ModalmixError('config', message, { where, fix: CREDENTIALS_FIX, cause });
  }
  return new ModalmixError(failure.kind, message, {
    where,
    fix: 'Check that brokers answer at this address. One that wants TLS, or a certificate of the client, may close the connection without a word.',
    cause,
  });
}

/** Never throws: what cannot be closed is left to the process's end. */
export async function disconnect(client: Producer | KafkaConsumer): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, 2 * DISCONNECT_TIMEOUT_MS);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    try {
      if (!client.isConnected()) done();
      else if (client instanceof rdkafka().Producer) client.disconnect(DISCONNECT_TIMEOUT_MS, done);
      else client.disconnect(done);
    } catch {
      done();
    }
  });
}

/** Waits until every message so far is acknowledged or has failed. */
export async function flush(producer: Producer, timeoutMs: number): Promise<void> {
  await promised<unknown>('flushing', (callback) =>
    producer.flush(timeoutMs, (error) => {
      callback(error, undefined);
    }),
  );
}

/** Up to `limit` messages: what is there, or what comes within the consumer's default timeout. */
export async function consume(consumer: KafkaConsumer, limit: number): Promise<Message[]> {
  return await promised('reading', (callback) => {
    consumer.consume(limit, callback);
  });
}

/** First and next offset of a partition, asked of the broker. */
export async function watermarks(
  client: Producer | KafkaConsumer,
  topic: string,
  partition: number,
): Promise<WatermarkOffsets> {
  return await promised(`asking for the offsets of ${topic}/${String(partition)}`, (callback) => {
    client.queryWatermarkOffsets(topic, partition, CONNECT_TIMEOUT_MS, callback);
  });
}

/** The group's committed offsets; −1001 or absent where it has none. */
export async function committedOffsets(
  consumer: KafkaConsumer,
  partitions: readonly { topic: string; partition: number }[],
): Promise<TopicPartitionOffset[]> {
  return await promised('asking for committed offsets', (callback) => {
    consumer.committed([...partitions], CONNECT_TIMEOUT_MS, callback);
  });
}

/** Number of partitions, or undefined when there is no such topic. */
export async function partitionsOf(
  client: Producer | KafkaConsumer,
  topic: string,
): Promise<number | undefined> {
  const metadata = await promised(
    'asking for metadata',
    (callback: Callback<{ topics: { name: string; partitions: unknown[] }[] }>) => {
      client.getMetadata({ allTopics: true, timeout: CONNECT_TIMEOUT_MS }, callback);
    },
  );
  const found = metadata.topics.find((candidate) => candidate.name === topic);
  return found === undefined || found.partitions.length === 0 ? undefined : found.partitions.length;
}

/** The steps of a transaction, with promises. */
export const transactions = {
  init: (producer: Producer, timeoutMs: number) =>
    promised<unknown>('starting transactions', (callback) => {
      producer.initTransactions(timeoutMs, (error) => {
        callback(error, undefined);
      });
    }),
  begin: (producer: Producer) =>
    promised<unknown>('beginning a transaction', (callback) => {
      producer.beginTransaction((error) => {
        callback(error, undefined);
      });
    }),
  sendOffsets: (
    producer: Producer,
    offsets: TopicPartitionOffset[],
    consumer: KafkaConsumer,
    timeoutMs: number,
  ) =>
    promised<unknown>('adding offsets to a transaction', (callback) => {
      producer.sendOffsetsToTransaction(offsets, consumer, timeoutMs, (error) => {
        callback(error, undefined);
      });
    }),
  commit: (producer: Producer, timeoutMs: number) =>
    promised<unknown>('committing a transaction', (callback) => {
      producer.commitTransaction(timeoutMs, (error) => {
        callback(error, undefined);
      });
    }),
  abort: (producer: Producer, timeoutMs: number) =>
    promised<unknown>('aborting a transaction', (callback) => {
      producer.abortTransaction(timeoutMs, (error) => {
        callback(error, undefined);
      });
    }),
};

export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Kafka's own names, e.g. `retention.ms`. */
  readonly config: Readonly<Record<string, string>>;
  /** By setting: the field of our config that it comes from. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Creates a topic; false when it is there already. */
export async function createTopic(connection: KafkaConnection, spec: TopicSpec): Promise<boolean> {
  const admin = rdkafka().AdminClient.create(clientSettings(connection, 'admin'));
  try {
    await promised<unknown>(`creating the topic ${spec.topic}`, (callback) => {
      admin.createTopic(
        {
          topic: spec.topic,
          num_partitions: spec.partitions,
          replication_factor: spec.replicationFactor,
          config: { ...spec.config },
        },
        CONNECT_TIMEOUT_MS,
        (error) => {
          callback(error, undefined);
        },
      );
    });
    return true;
  } catch (error) {
    if (error instanceof ModalmixError && codeOf(error.cause) === KAFKA_CODES.topicExists) return false;
    throw error;
  } finally {
    admin.disconnect();
  }
}
