/**
 * The supervisor: keeps the embedded Temporal server, one worker process and the workers of kept streams alive,
 * each restarted with a growing pause when it dies; a worker that cannot start is given up. Ends on SIGTERM or SIGINT, and by itself when nothing has run for a while.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { fstatSync, utimesSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../../schemas/errors.ts';
import {
  MOST_FAILED_STARTS,
  isFailedStart,
  lastLines,
  type WorkerFailure,
  type WorkerMessage,
} from './failed-starts.ts';
import { isBusy } from './is-busy.ts';
import { withLock } from '../lock.ts';
import { boundLog, withLog } from '../log-file.ts';
import { endProcess, identifyProcess, processSpace, type ProcessIdentity } from '../processes.ts';
import { releaseWork } from './release-work.ts';
import { readStateFile, writeStateFile } from '../state-file.ts';
import { standardLog } from '../standard-log.ts';
import { hasKeptStreams, keepStreams } from './stream-keeper.ts';
import {
  SIGN_EVERY_MS,
  WORKER_GRACE_MS,
  endOrphans,
  fingerprint,
  isForeign,
  infraProgram,
  storeAccess,
  supervisorFiles,
  supervisorStateSchema,
  type SupervisorState,
} from './supervise.ts';
import { endpointFromEnvironment } from '../temporal/connection-settings.ts';
import { embeddedTemporal } from '../temporal/embedded-server.ts';
import { ensureTemporal, stopTemporal } from '../temporal/ensure-temporal.ts';

const TICK_MS = 500;
/** How often the server is asked for an answer, beside the look whether its process lives. */
const SERVER_CHECK_MS = 15_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;
/** A worker that lived so long was well: the next pause is the first one again. */
const HEALTHY_MS = 60_000;
const IDLE_CHECK_MS = 60_000;
const LOG_CHECK_MS = 30_000;
const STATE_CHECK_MS = 1_000;
/** Without a running workflow, a schedule and a kept stream for so long, nobody needs server and worker. */
const IDLE_MS = 15 * 60_000;

const log = standardLog();
const stopping = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => {
    stopping.abort();
  });
}
process.on('SIGHUP', () => undefined);

let state: SupervisorState = {
  process: identifyProcess(process.pid)!,
  ...spaceOf(processSpace()),
  fingerprint: fingerprint(),
  storeAccess: storeAccess(),
  workerStarts: 0,
  streamWorkers: [],
};

/** Whether what others read is what is: not while the disk is full. */
let isWritten = true;

function spaceOf(space: string | undefined): Pick<SupervisorState, 'space'> {
  return space === undefined ? {} : { space };
}

await withLock(supervisorFiles.lifeLock(), { waitMs: 0 }, supervise);

async function supervise(): Promise<void> {
  const before = readStateFile(supervisorFiles.state(), supervisorStateSchema);
  publish({});
  log.info({ pid: process.pid }, 'supervisor starts');
  // A supervisor that was killed leaves its worker behind, with the code of then.
  if (before !== undefined && !isForeign(before)) {
    await endOrphans(before);
    if (before.worker !== undefined) void releaseWorkOf(before.worker);
  }
  await Promise.all([
    keepServer(),
    keepWorker(),
    keepStreams({
      log,
      signal: stopping.signal,
      onWorkers: (streamWorkers) => {
        publish({ streamWorkers: [...streamWorkers] });
      },
    }),
    stopWhenIdle(),
    keepLogsBounded(),
    keepStateWritten(),
    keepSigned(),
  ]);
  log.info('supervisor ends');
}

async function keepServer(): Promise<void> {
  if (endpointFromEnvironment() !== undefined) return;
  let pause = FIRST_PAUSE_MS;
  let checkedAt = -Infinity;
  while (!isStopping()) {
    if (embeddedTemporal.running() === undefined || performance.now() - checkedAt > SERVER_CHECK_MS) {
      try {
        await ensureTemporal();
        pause = FIRST_PAUSE_MS;
        checkedAt = performance.now();
      } catch (error) {
        log.error(describeError(error));
        await pauseFor(pause);
        pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
      }
    }
    await pauseFor(TICK_MS);
  }
}

async function keepWorker(): Promise<void> {
  let pause = FIRST_PAUSE_MS;
  let failed = 0;
  while (!isStopping()) {
    const startedAt = performance.now();
    const ended = await runWorker().catch((error: unknown) => {
      // Its log cannot be opened, or no process be made: a disk that is full, a machine without memory.
      log.error(describeError(error));
      return undefined;
    });
    if (ended === undefined) {
      await pauseFor(pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
      continue;
    }
    const { lastExit, reached, fromByte, identity } = ended;
    publish({ worker: undefined, lastExit });
    if (isStopping()) return;
    if (identity !== undefined) void releaseWorkOf(identity);
    const end = { lastExit, reached, serverUp: await isServerUp() };
    failed = isFailedStart(end) ? failed + 1 : 0;
    if (failed >= MOST_FAILED_STARTS) {
      const lines = lastLines(supervisorFiles.workerLog(), fromByte);
      publish({ workerFailure: { starts: failed, lastExit, lines } });
      log.error({ lastExit, lines }, 'the worker cannot start; it is given up');
      return;
    }
    log.warn({ lastExit, log: supervisorFiles.workerLog() }, 'the worker ended; it is started again');
    if (performance.now() - startedAt > HEALTHY_MS) pause = FIRST_PAUSE_MS;
    await pauseFor(pause);
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

/** Beside everything else; what fails here only takes until the heartbeats are missed. */
async function releaseWorkOf(worker: ProcessIdentity): Promise<void> {
  try {
    const activities = await releaseWork(worker, stopping.signal);
    if (activities > 0) log.info({ activities }, 'what the worker was at is tried again');
  } catch (error) {
    log.warn(describeError(error));
  }
}

/** Of a server that is not the embedded one nobody here knows. */
async function isServerUp(): Promise<boolean> {
  return endpointFromEnvironment() === undefined && (await embeddedTemporal.isUp());
}

interface EndedWorker {
  readonly lastExit: string;
  readonly reached: WorkerMessage | undefined;
  readonly identity: ProcessIdentity | undefined;
  /** Where in its log its own lines begin. */
  readonly fromByte: number;
}

async function runWorker(): Promise<EndedWorker> {
  const { program, args } = infraProgram('worker-main');
  let fromByte = 0;
  const worker = withLog(supervisorFiles.workerLog(), (log) => {
    fromByte = fstatSync(log).size;
    return spawn(program, args, {
      stdio: ['ignore', log, log, 'ipc'],
    });
  });
  let reached: WorkerMessage | undefined;
  worker.on('message', (message: WorkerMessage) => {
    reached = message;
  });
  const ended = outcomeOf(worker);
  const identity = worker.pid === undefined ? undefined : identifyProcess(worker.pid);
  publish({ worker: identity, workerStarts: state.workerStarts + 1 });
  const onStop = () => {
    if (identity === undefined) return;
    endProcess(identity, WORKER_GRACE_MS).catch((error: unknown) => {
      log.error(describeError(error));
    });
  };
  stopping.signal.addEventListener('abort', onStop, { once: true });
  if (isStopping()) onStop();
  try {
    const lastExit = await ended;
    return { lastExit, reached, identity, fromByte };
  } finally {
    stopping.signal.removeEventListener('abort', onStop);
  }
}

async function outcomeOf(worker: ChildProcess): Promise<string> {
  return await new Promise((resolve) => {
    worker.once('error', (error) => {
      resolve(error.message);
    });
    worker.once('exit', (code, signal) => {
      resolve(signal === null ? `exit code ${String(code)}` : signal);
    });
  });
}

/** Only where the server is the embedded one: of another one's workflows this process knows little. */
async function stopWhenIdle(): Promise<void> {
  if (endpointFromEnvironment() !== undefined) return;
  let busyAt = performance.now();
  while (!isStopping()) {
    await pauseFor(IDLE_CHECK_MS);
    if (isStopping()) return;
    if (hasKeptStreams() || (await isServerBusy())) busyAt = performance.now();
    if (performance.now() - busyAt < IDLE_MS) continue;
    log.info('nothing runs: server and worker stop; the next command starts them again');
    stopping.abort();
    await stopTemporal().catch((error: unknown) => {
      log.error(describeError(error));
    });
  }
}

/** Server, worker and this process may run for months. */
async function keepLogsBounded(): Promise<void> {
  while (!isStopping()) {
    try {
      for (const path of [supervisorFiles.log(), supervisorFiles.workerLog(), embeddedTemporal.logFile()]) {
        boundLog(path);
      }
    } catch (error) {
      log.warn(describeError(error));
    }
    await pauseFor(LOG_CHECK_MS);
  }
}

/** A supervisor of the same home elsewhere sees by the file's time that this one lives. */
async function keepSigned(): Promise<void> {
  while (!isStopping()) {
    const now = new Date();
    try {
      utimesSync(supervisorFiles.state(), now, now);
    } catch {
      // Somebody removed it; the next change writes it anew.
    }
    await pauseFor(SIGN_EVERY_MS);
  }
}

/** Not knowing counts as busy. */
async function isServerBusy(): Promise<boolean> {
  try {
    return await isBusy(await ensureTemporal());
  } catch (error) {
    log.warn(describeError(error));
    return true;
  }
}

function publish(change: {
  readonly worker?: ProcessIdentity | undefined;
  readonly workerStarts?: number;
  readonly lastExit?: string;
  readonly streamWorkers?: ProcessIdentity[];
  readonly workerFailure?: WorkerFailure;
}): void {
  const { worker, ...rest } = { ...state, ...change };
  state = worker === undefined ? rest : { ...rest, worker };
  writeState();
}

function writeState(): void {
  try {
    writeStateFile(supervisorFiles.state(), state);
    isWritten = true;
  } catch (error) {
    if (isWritten) log.error(describeError(error));
    isWritten = false;
  }
}

async function keepStateWritten(): Promise<void> {
  while (!isStopping()) {
    await pauseFor(STATE_CHECK_MS);
    if (!isWritten) writeState();
  }
}

/** A function, since a signal comes between two looks. */
function isStopping(): boolean {
  return stopping.signal.aborted;
}

async function pauseFor(milliseconds: number): Promise<void> {
  await sleep(milliseconds, undefined, { signal: stopping.signal }).catch(() => undefined);
}
