/** The Temporal server to work with: the one the environment names, else the embedded one. */
import { Connection } from '@temporalio/client';
import { DEFAULT_NAMESPACE, endpointFromEnvironment, type TemporalEndpoint } from './connection-settings.ts';
import { addressOf, connectAnswering, embeddedTemporal } from './embedded-server.ts';

/**
 * @returns where the server is; the embedded one answers when this returns, another one is not asked
 * @throws ModalmixError `config` for wrong settings, `dependency` or `transient` when the embedded one cannot start
 */
export async function ensureTemporal(): Promise<TemporalEndpoint> {
  const named = endpointFromEnvironment();
  if (named !== undefined) return named;
  return embeddedEndpoint(addressOf(await embeddedTemporal.ensure()));
}

export interface ConnectedTemporal {
  readonly endpoint: TemporalEndpoint;
  readonly connection: Connection;
}

/**
 * As `ensureTemporal`, with an open connection: by the one that shows that the embedded server answers.
 *
 * @param connectTimeoutMs of a server that the environment names
 * @throws ModalmixError as `ensureTemporal`; Error of the client when the server does not answer
 */
export async function connectTemporal(connectTimeoutMs: number): Promise<ConnectedTemporal> {
  const running = endpointFromEnvironment() === undefined ? embeddedTemporal.running() : undefined;
  if (running !== undefined) {
    const connection = await connectAnswering(addressOf(running));
    if (connection !== undefined) return { endpoint: embeddedEndpoint(addressOf(running)), connection };
  }
  const endpoint = await ensureTemporal();
  const connection = await Connection.connect({ ...endpoint.connection, connectTimeout: connectTimeoutMs });
  return { endpoint, connection };
}

function embeddedEndpoint(address: string): TemporalEndpoint {
  return { address, namespace: DEFAULT_NAMESPACE, connection: { address }, embedded: true };
}

/** Stops the embedded server, and no other one. */
export async function stopTemporal(): Promise<void> {
  await embeddedTemporal.stop();
}
