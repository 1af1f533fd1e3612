/** The servers in `modalmix doctor`: where they are, and whether they answer. */
import { Connection } from '@temporalio/client';
import { connectionIsNamed } from '../../infra/kafka/is-named.ts';
import { modalmixHome } from '../../infra/folders.ts';
import { runningSupervisor } from '../../infra/supervisor/supervise.ts';
import { askNamespace } from '../../infra/temporal/ask-namespace.ts';
import { endpointFromEnvironment, type TemporalEndpoint } from '../../infra/temporal/connection-settings.ts';
import { addressOf, answers, embeddedTemporal, pageOf } from '../../infra/temporal/embedded-server.ts';
import { protectionOf, unsignedWarning } from '../../infra/temporal/protection.ts';
import { describeError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import type { Part } from './part.ts';

/** A person waits for the answer. */
const ANSWER_TIMEOUT_MS = 5_000;

/** One that the environment names must answer now; the embedded one starts when it is needed. */
export async function temporalServerPart(): Promise<Part> {
  const name = 'Temporal server';
  let named: TemporalEndpoint | undefined;
  try {
    named = endpointFromEnvironment();
  } catch (error) {
    return { name, state: 'missing', says: describeError(error), fix: 'Correct the TEMPORAL_… variables.' };
  }
  if (named !== undefined) return await namedTemporalPart(name, named);
  const server = embeddedTemporal.running();
  const origin = modalmixHome();
  if (server === undefined) return { name, state: 'ok', says: 'embedded, starts when it is needed', origin };
  const address = addressOf(server);
  const supervisor = runningSupervisor();
  const worker = supervisor?.worker === undefined ? 'no worker' : `worker ${supervisor.worker.pid}`;
  const state = (await answers(address)) ? 'answers' : 'does not answer yet';
  const page = pageOf(server);
  return { name, state: 'ok', says: `embedded, ${state} at ${address}, ${worker}, pages at ${page}`, origin };
}

async function namedTemporalPart(name: string, endpoint: TemporalEndpoint): Promise<Part> {
  const { address, namespace } = endpoint;
  const origin = ENVIRONMENT.temporalAddress;
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ ...endpoint.connection, connectTimeout: ANSWER_TIMEOUT_MS });
    await askNamespace(connection, namespace, ANSWER_TIMEOUT_MS);
    const { signing, encryption } = protectionOf(endpoint);
    const runs = signing === undefined ? unsignedWarning(address) : 'runs are signed';
    const payloads = encryption === undefined ? '' : ', payloads encrypted';
    const says = `${address} answers, namespace ${namespace}${payloads}; ${runs}`;
    return { name, state: 'ok', says, origin };
  } catch (error) {
    const says =
      connection === undefined
        ? `${address} does not answer: ${describeError(error)}`
        : `${address} answers, but not for namespace ${namespace}: ${describeError(error)}`;
    const fix = `Check the TEMPORAL_… variables and the network, or unset ${origin} to use the embedded server.`;
    return { name, state: 'missing', says, fix, origin };
  } finally {
    await connection?.close();
  }
}

/** As of the Temporal server, but only streaming needs it. */
export async function kafkaBrokerPart(): Promise<Part> {
  const name = 'Kafka broker';
  if (connectionIsNamed()) return await namedKafkaPart(name);
  const origin = modalmixHome();
  const resting: Part = { name, state: 'ok', says: 'embedded, starts when it is needed', origin };
  // The client is loaded with it, and may not be built: the part above says so.
  const broker = await import('../../infra/kafka/embedded-broker.ts').catch(() => undefined);
  const running = broker?.embeddedBroker.running();
  if (broker === undefined || running === undefined) return resting;
  const address = broker.connectionTo(running.ports).brokers.join(',');
  const state = (await broker.embeddedBroker.isUp()) ? 'answers' : 'does not answer yet';
  return { name, state: 'ok', says: `embedded, ${state} at ${address}`, origin };
}

async function namedKafkaPart(name: string): Promise<Part> {
  const origin = ENVIRONMENT.kafkaBrokers;
  const fix = `Check the KAFKA_… variables and the network, or unset ${origin} to use the embedded broker.`;
  try {
    const { connectionFromEnvironment } = await import('../../pipelines/streaming/kafka/connection.ts');
    const { brokerAnswers } = await import('../../pipelines/streaming/kafka/broker-health.ts');
    const connection = connectionFromEnvironment();
    const brokers = connection?.brokers.join(',') ?? '';
    if (connection !== undefined && (await brokerAnswers(connection)))
      return { name, state: 'ok', says: `${brokers} answers`, origin };
    return { name, state: 'optional', says: `${brokers} does not answer`, fix, origin };
  } catch (error) {
    return { name, state: 'optional', says: describeError(error), fix, origin };
  }
}
