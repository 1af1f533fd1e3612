/** Whether brokers answer a real request, and whether they are still where a session found them. */
import { ModalmixError } from '../../../schemas/errors.ts';
import { disconnect } from './clients.ts';
import { clientSettings, type KafkaConnection } from './connection.ts';
import { rdkafka } from './rdkafka.ts';

const ANSWER_TIMEOUT_MS = 2_000;

/** Asks for the cluster's metadata. @returns false when no broker gives it in time */
export async function brokerAnswers(connection: KafkaConnection): Promise<boolean> {
  const client = new (rdkafka().Producer)(clientSettings(connection, 'health'));
  client.on('event.error', () => undefined);
  try {
    return await new Promise<boolean>((resolve) => {
      client.connect({ allTopics: true, timeout: ANSWER_TIMEOUT_MS }, (error, metadata) => {
        // The type says that there always is an error.
        const failed = (error as unknown) !== null && (error as unknown) !== undefined;
        // A broker that has just started is not in its own metadata until the controller let it in.
        resolve(!failed && metadata.brokers.length > 0);
      });
    });
  } finally {
    await disconnect(client);
  }
}

/** Where a worker finds the brokers. */
export interface BrokerSource {
  /** Asked at the beginning of each session. */
  readonly connect: () => Promise<KafkaConnection>;
  /**
   * Asked all the time, so it must be quick: false once the brokers are gone or elsewhere, and a client that
   * waits for the old address would wait for ever. Absent: they stay where they are.
   */
  readonly isCurrent?: (connection: KafkaConnection) => boolean;
}

/** @throws ModalmixError `transient` when the session must begin anew with another connection */
export function assertCurrent(source: BrokerSource, connection: KafkaConnection): void {
  if (source.isCurrent === undefined || source.isCurrent(connection)) return;
  throw new ModalmixError('transient', 'the broker is gone or has moved', {
    where: connection.brokers.join(','),
  });
}
