/** A command's connection to Temporal, with server and workers running behind it. */
import type { Client, Connection } from '@temporalio/client';
import { ModalmixError } from '../schemas/errors.ts';
import { TASK_QUEUES } from '../schemas/names.ts';
import { makeHome } from '../infra/folders.ts';
import { ensureSupervisor, runningSupervisor, workerFailure } from '../infra/supervisor/supervise.ts';
import { endpointFromEnvironment } from '../infra/temporal/connection-settings.ts';
import { hasBeenStarted } from '../infra/temporal/embedded-server.ts';
import {
  connectTemporal,
  ensureTemporal,
  type ConnectedTemporal,
} from '../infra/temporal/ensure-temporal.ts';
import { protectedClient } from '../infra/temporal/protection.ts';
import { answered } from './answered.ts';
import type { Screen } from './screen.ts';

export interface Session {
  readonly client: Client;
  /** Whether server and workers are this project's own. */
  readonly embedded: boolean;
  /** Starts what of server and workers has ended. */
  readonly revive: () => Promise<void>;
  /** Whether the supervisor that this session relies on has ended, by a kill: nobody starts a worker any more. */
  readonly isAbandoned: () => boolean;
  /** Why nobody works here and nobody will; undefined where it may only take a while. */
  readonly workerFailure: () => ModalmixError | undefined;
  /** As `answered` (answered.ts), with this session's server. */
  readonly answered: <T>(ask: () => Promise<T>) => Promise<T>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Connects to the server that the environment names, else to the embedded one, which is started when it
 * does not run. Where nobody works for it, a worker is started on this machine.
 *
 * @throws ModalmixError `transient` when the server does not answer
 */
export async function connect(screen: Screen): Promise<Session> {
  makeHome();
  const { endpoint, connection } = await openConnection();
  const client = protectedClient(connection, endpoint);
  const supervised = endpoint.embedded || !(await hasWorkers(connection, endpoint.namespace));
  if (supervised) await ensureSupervisor();
  const revive = async () => {
    if (!supervised) return;
    try {
      if (endpoint.embedded) await ensureTemporal();
      await ensureSupervisor();
    } catch (error) {
      screen.say(error instanceof Error ? error.message : String(error));
    }
  };
  return {
    client,
    embedded: endpoint.embedded,
    revive,
    answered: async (ask) => await answered(ask, { revive }),
    isAbandoned: () => supervised && runningSupervisor() === undefined,
    // Elsewhere others may work.
    workerFailure: () => (endpoint.embedded ? workerFailure() : undefined),
    close: async () => {
      await connection.close();
    },
  };
}

/**
 * As `connect`, for who only looks.
 *
 * @returns undefined where no server is named and none was ever started here: there is no run, and nothing is started
 * @throws ModalmixError as `connect`
 */
export async function connectToLook(screen: Screen): Promise<Session | undefined> {
  if (endpointFromEnvironment() === undefined && !hasBeenStarted()) return undefined;
  return await connect(screen);
}

async function openConnection(): Promise<ConnectedTemporal> {
  try {
    return await connectTemporal(CONNECT_TIMEOUT_MS);
  } catch (cause) {
    if (cause instanceof ModalmixError) throw cause;
    throw new ModalmixError('transient', 'the Temporal server does not answer', {
      where: endpointFromEnvironment()?.address ?? 'the embedded server',
      fix: 'Check TEMPORAL_ADDRESS and the network, or unset it to use the embedded server.',
      cause,
    });
  }
}

/** Whether somebody has lately asked the server for work. */
async function hasWorkers(connection: Connection, namespace: string): Promise<boolean> {
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: TASK_QUEUES.control },
  });
  return pollers.length > 0;
}
