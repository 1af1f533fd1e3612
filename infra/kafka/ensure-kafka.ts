/** The Kafka brokers to work with: those the environment names, else the embedded one. */
import { connectionFromEnvironment, type KafkaConnection } from '../../pipelines/streaming/connection.ts';
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

/** Stops the embedded broker, and no other one. */
export async function stopKafka(): Promise<void> {
  await embeddedBroker.stop();
}
