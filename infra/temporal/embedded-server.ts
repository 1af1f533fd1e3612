/**
 * The embedded Temporal server: one for a home folder, detached, its workflows in an SQLite file there.
 * Whoever needs it calls `ensureEmbeddedServer`; a dead one is started again on the same ports and file.
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { z } from 'zod';
import { ModalmixError } from '../../schemas/errors.ts';
import { modalmixHome } from '../folders.ts';
import { withLock } from '../lock.ts';
import { endProcess, identifyProcess, isAlive, processIdentitySchema } from '../processes.ts';
import { readStateFile, writeStateFile } from '../state-file.ts';
import { DEFAULT_NAMESPACE } from './connection-settings.ts';
import { requireTemporalCli } from './find-cli.ts';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;
const LOCK_TIMEOUT_MS = 2 * START_TIMEOUT_MS;
const HEALTH_TIMEOUT_MS = 2_000;
/** How long a live server may be deaf before it is replaced. */
const DEAF_TIMEOUT_MS = 20_000;
const STOP_GRACE_MS = 10_000;
const POLL_MS = 100;
const PORT_TIMEOUT_MS = 5_000;
const FIRST_PORT = 20_000;
const LAST_PORT = 29_999;
const PORT_TRIES = 100;
const LOG_LINES_SHOWN = 12;

const stateSchema = z.object({
  process: processIdentitySchema,
  port: z.int(),
  uiPort: z.int(),
  startedAt: z.iso.datetime(),
});

export type EmbeddedServer = z.infer<typeof stateSchema>;

const files = {
  state: () => join(modalmixHome(), 'temporal', 'server.json'),
  lock: () => join(modalmixHome(), 'temporal', 'server.lock'),
  database: () => join(modalmixHome(), 'temporal', 'temporal.db'),
  /** There once a server has answered with this database. */
  databaseComplete: () => join(modalmixHome(), 'temporal', 'temporal.db.complete'),
  log: () => join(modalmixHome(), 'temporal', 'server.log'),
};

export function addressOf(server: EmbeddedServer): string {
  return `${HOST}:${server.port}`;
}

/** The server's process as its state file tells; undefined when it is not running. */
export function runningServer(): EmbeddedServer | undefined {
  const server = readStateFile(files.state(), stateSchema);
  return server !== undefined && isAlive(server.process) ? server : undefined;
}

/**
 * Returns once the server answers; starts it first when it does not run.
 * @throws ModalmixError `dependency` without the Temporal CLI; `transient` with the log's end when it cannot start
 */
export async function ensureEmbeddedServer(): Promise<EmbeddedServer> {
  const running = runningServer();
  if (running !== undefined && (await answers(addressOf(running)))) return confirmed(running);
  return await withLock(files.lock(), { waitMs: LOCK_TIMEOUT_MS }, async () => {
    const other = runningServer();
    if (other !== undefined) {
      if (await answersWithin(other, DEAF_TIMEOUT_MS)) return confirmed(other);
      await endProcess(other.process, STOP_GRACE_MS);
    }
    return await start();
  });
}

/** Its workflows stay in the file. */
export async function stopEmbeddedServer(): Promise<void> {
  await withLock(files.lock(), { waitMs: LOCK_TIMEOUT_MS }, async () => {
    const server = runningServer();
    if (server !== undefined) await endProcess(server.process, STOP_GRACE_MS);
  });
}

/** A real call, not an open port: the server takes connections before it can work. */
export async function answers(address: string): Promise<boolean> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ address, connectTimeout: HEALTH_TIMEOUT_MS });
    const { workflowService } = connection;
    await connection.withDeadline(Date.now() + HEALTH_TIMEOUT_MS, () =>
      workflowService.describeNamespace({ namespace: DEFAULT_NAMESPACE }),
    );
    return true;
  } catch {
    return false;
  } finally {
    await connection?.close();
  }
}

async function answersWithin(server: EmbeddedServer, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (Date.now() < deadline && isAlive(server.process)) {
    if (await answers(addressOf(server))) return true;
    await sleep(POLL_MS);
  }
  return false;
}

async function start(): Promise<EmbeddedServer> {
  const cli = requireTemporalCli();
  mkdirSync(join(modalmixHome(), 'temporal'), { recursive: true });
  removeHalfMadeDatabase();
  const ports = await choosePorts();

  const log = openSync(files.log(), 'a');
  const child = spawn(cli.path, serverArguments(ports), {
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const failed = new Promise<Error>((resolve) => child.once('error', resolve));
  if (child.pid === undefined) throw startError((await failed).message);
  child.unref();
  const identity = identifyProcess(child.pid);
  if (identity === undefined) throw startError('it ended at once');
  const server = { process: identity, ...ports, startedAt: new Date().toISOString() };
  writeStateFile(files.state(), server);
  if (await answersWithin(server, START_TIMEOUT_MS)) return confirmed(server);
  const ended = !isAlive(identity);
  await endProcess(identity, STOP_GRACE_MS);
  throw startError(ended ? 'it ended' : `it did not answer within ${START_TIMEOUT_MS / 1000} s`);
}

/** Before the first answer nobody can have put a workflow into the database; after it, it is never removed. */
function confirmed(server: EmbeddedServer): EmbeddedServer {
  if (!existsSync(files.databaseComplete())) writeFileSync(files.databaseComplete(), '');
  return server;
}

/** A server that is killed while it makes its tables leaves a file with which no server starts. */
function removeHalfMadeDatabase(): void {
  if (existsSync(files.databaseComplete())) return;
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(files.database() + suffix, { force: true });
}

function serverArguments({ port, uiPort }: { port: number; uiPort: number }): string[] {
  return [
    ...['server', 'start-dev', '--db-filename', files.database()],
    ...['--ip', HOST, '--port', String(port), '--ui-ip', HOST, '--ui-port', String(uiPort)],
    ...['--log-level', 'warn', '--log-format', 'json'],
  ];
}

/** The ports of the last start, so that bookmarks and waiting workers find it again; else free ones. */
async function choosePorts(): Promise<{ port: number; uiPort: number }> {
  const last = readStateFile(files.state(), stateSchema);
  if (last !== undefined && (await isFree(last.port)) && (await isFree(last.uiPort))) {
    return { port: last.port, uiPort: last.uiPort };
  }
  const port = await freePort();
  return { port, uiPort: await freePort(port) };
}

/** Waits a little: a process that was killed may hold its ports for a moment more. */
async function isFree(port: number): Promise<boolean> {
  const deadline = Date.now() + PORT_TIMEOUT_MS;
  while (!(await canListen(port))) {
    if (Date.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Below the range from which systems take the ports of outgoing connections, where a port is soon lost. */
async function freePort(besides?: number): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES; tries += 1) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if (port !== besides && (await canListen(port))) return port;
  }
  throw startError(`no port of ${FIRST_PORT} to ${LAST_PORT} is free`);
}

async function canListen(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, HOST, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

function startError(what: string): ModalmixError {
  return new ModalmixError(
    'transient',
    `the embedded Temporal server did not start: ${what}.${lastLogLines()}`,
    {
      where: files.log(),
      fix: `Look at the log; "modalmix doctor" checks the parts. To begin with an empty server, delete ${files.database()}: runs start again from what is in the store.`,
    },
  );
}

function lastLogLines(): string {
  if (!existsSync(files.log())) return '';
  const lines = readFileSync(files.log(), 'utf8').trim().split('\n').slice(-LOG_LINES_SHOWN);
  return lines.join('') === '' ? '' : `\n  ${lines.join('\n  ')}`;
}
