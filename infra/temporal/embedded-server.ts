/** The embedded Temporal server: its workflows are in an SQLite file in the home folder. */
import { randomUUID } from 'node:crypto';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { DetachedServer, type Ports, type RunningServer } from '../detached-server.ts';
import { modalmixHome } from '../folders.ts';
import { LOOPBACK } from '../ports.ts';
import { askNamespace } from './ask-namespace.ts';
import { DEFAULT_NAMESPACE } from './connection-settings.ts';
import { requireTemporalCli } from './find-cli.ts';
import { homeKey } from './home-key.ts';

const HEALTH_TIMEOUT_MS = 2_000;

const folder = () => join(modalmixHome(), 'temporal');
const databaseFile = () => join(folder(), 'temporal.db');
/** There once a server has answered with this database. */
const databaseComplete = () => join(folder(), 'temporal.db.complete');

export const embeddedTemporal = new DetachedServer({
  name: 'Temporal server',
  folder,
  portCount: 3,
  prepare: async (ports) => {
    const cli = requireTemporalCli();
    // Before the server takes anything: all that it is asked for from then on is signed.
    homeKey(() => existsSync(databaseFile()));
    return await Promise.resolve({ program: cli.path, arguments: serverArguments(ports) });
  },
  answers: async (ports) => await answers(addressOf({ ports: [...ports] })),
  onAnswer: confirmDatabase,
  startTimeoutMs: 60_000,
  stopGraceMs: 10_000,
  dataLock: 'temporal.db.lock',
  mend: setHalfMadeDatabaseAside,
  fix: () =>
    `Look at the log; "modalmix doctor" checks the parts. To begin with an empty server, delete ${databaseFile()}: runs start again from what is in the store.`,
});

export function addressOf({ ports }: Pick<RunningServer, 'ports'>): string {
  return `${LOOPBACK}:${String(ports[0] ?? 0)}`;
}

/** Temporal's own pages about its workflows. */
export function pageOf({ ports }: Pick<RunningServer, 'ports'>): string {
  return `http://${LOOPBACK}:${String(ports[1] ?? 0)}`;
}

/** Whether it runs, or has run: only then can it know of a workflow. */
export function hasBeenStarted(): boolean {
  return embeddedTemporal.running() !== undefined || existsSync(databaseFile());
}

/** See `askNamespace`. */
export async function answers(address: string): Promise<boolean> {
  const connection = await connectAnswering(address);
  await connection?.close();
  return connection !== undefined;
}

/** @returns undefined when the server does not answer */
export async function connectAnswering(address: string): Promise<Connection | undefined> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ address, connectTimeout: HEALTH_TIMEOUT_MS });
    await askNamespace(connection, DEFAULT_NAMESPACE, HEALTH_TIMEOUT_MS);
    return connection;
  } catch {
    await connection?.close();
    return undefined;
  }
}

/** Before the first answer nobody can have put a workflow into the database; after it, it is never removed. */
function confirmDatabase(): void {
  if (!existsSync(databaseComplete())) writeFileSync(databaseComplete(), '');
}

/**
 * A server that is killed while it makes its tables leaves a file with which no server starts. It is kept under
 * another name, the newest one only: what a person copied here without its mark is not lost.
 *
 * @returns whether there was such a file
 */
function setHalfMadeDatabaseAside(): boolean {
  if (existsSync(databaseComplete()) || !existsSync(databaseFile())) return false;
  for (const suffix of ['', '-journal', '-wal', '-shm']) {
    const [file, aside] = [databaseFile() + suffix, `${databaseFile()}.unusable${suffix}`];
    rmSync(aside, { force: true });
    if (existsSync(file)) renameSync(file, aside);
  }
  return true;
}

function serverArguments([port = 0, uiPort = 0, httpPort = 0]: Ports): string[] {
  return [
    ...['server', 'start-dev', '--db-filename', databaseFile()],
    ...['--ip', LOOPBACK, '--port', String(port), '--ui-ip', LOOPBACK, '--ui-port', String(uiPort)],
    ...['--log-level', 'warn', '--log-format', 'json'],
    // By default a queue is four, and a worker with one slot waits a second or two until it has asked the right one.
    // What an earlier server wrote into the others is still read.
    ...['--dynamic-config-value', 'matching.numTaskqueueWritePartitions=1'],
    // Its API over HTTP takes plain posts from any page that a browser shows. Nothing of ours asks it, so it answers
    // only who names a host that nobody knows.
    ...['--http-port', String(httpPort)],
    ...['--dynamic-config-value', `frontend.httpAllowedHosts=["${randomUUID()}.invalid"]`],
  ];
}
