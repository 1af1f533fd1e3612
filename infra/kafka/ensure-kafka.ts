/** The Kafka brokers to work with: those the environment names, else the embedded one. */
import { isDeepStrictEqual } from 'node:util';
import type { BrokerSource } from '../../pipelines/streaming/kafka/broker-health.ts';
import {
  connectionFromEnvironment,
  type KafkaConnection,
} from '../../pipelines/streaming/kafka/connection.ts';
import { connectionTo, embeddedBroker } from './embedded-broker.ts';

export interface KafkaEndpoint {
  readonly connection: KafkaConnection;
  /** Whether it is the broker that Modalmix itself runs. */
  readonly embedded: boolean;
}

/**
 * @returns where the brokers are; the embedded one answers when this returns, others are not asked
 * @throws ModalmixError `config` for wrong settings, `dependency` without Java or the jars, `transient`
 *   when the embedded one cannot start
 */
export async function ensureKafka(): Promise<KafkaEndpoint> {
  const named = connectionFromEnvironment();
  if (named !== undefined) return { connection: named, embedded: false };
  return { connection: connectionTo((await embeddedBroker.ensure()).ports), embedded: true };
}

/** Between two looks at where the embedded broker is. */
const LOOK_MS = 1_000;

/** The brokers for a worker that outlives them: the embedded one is started again, and followed to another port. */
export function brokerSource(onConnect: (endpoint: KafkaEndpoint) => void): BrokerSource {
  let embedded = false;
  let lookedAt = -Infinity;
  let current = true;
  return {
    connect: async () => {
      const endpoint = await ensureKafka();
      embedded = endpoint.embedded;
      current = true;
      onConnect(endpoint);
      return endpoint.connection;
    },
    isCurrent: (connection) => {
      if (!embedded || performance.now() - lookedAt < LOOK_MS) return current;
      lookedAt = performance.now();
      const running = embeddedBroker.running();
      current = running !== undefined && isDeepStrictEqual(connectionTo(running.ports), connection);
      return current;
    },
  };
}

/** Stops the embedded broker, and no other one. */
export async function stopKafka(): Promise<void> {
  await embeddedBroker.stop();
}
