/** Whether brokers answer a real request. */
import kafka from 'node-rdkafka';
import { disconnect } from './clients.ts';
import { clientSettings, type KafkaConnection } from './connection.ts';

const ANSWER_TIMEOUT_MS = 2_000;

/** Asks for the cluster's metadata. @returns false when no broker gives it in time */
export async function brokerAnswers(connection: KafkaConnection): Promise<boolean> {
  const client = new kafka.Producer(clientSettings(connection, 'health'));
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
