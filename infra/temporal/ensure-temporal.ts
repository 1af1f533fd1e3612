/** The Temporal server to work with: the one the environment names, else the embedded one. */
import { DEFAULT_NAMESPACE, endpointFromEnvironment, type TemporalEndpoint } from './connection-settings.ts';
import { addressOf, embeddedTemporal } from './embedded-server.ts';

/**
 * @returns where the server is; the embedded one answers when this returns, another one is not asked
 * @throws ModalmixError `config` for wrong settings, `dependency` or `transient` when the embedded one cannot start
 */
export async function ensureTemporal(): Promise<TemporalEndpoint> {
  const named = endpointFromEnvironment();
  if (named !== undefined) return named;
  const address = addressOf(await embeddedTemporal.ensure());
  return { address, namespace: DEFAULT_NAMESPACE, connection: { address }, embedded: true };
}

/** Stops the embedded server, and no other one. */
export async function stopTemporal(): Promise<void> {
  await embeddedTemporal.stop();
}
