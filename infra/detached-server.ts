/**
 * An embedded server: one for a home folder, detached from who started it, found again by its state file.
 * Whoever needs it calls `ensure`; a dead one is started again on the same ports and data.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ModalmixError } from '../schemas/errors.ts';
import { findProgram } from '../pipelines/process/find-program.ts';
import { makeHome, makePrivateFolder } from './folders.ts';
import { withLock } from './lock.ts';
import { withLog } from './log-file.ts';
import { freePorts, isPortFree } from './ports.ts';
import {
  endProcess,
  identifyProcess,
  isAlive,
  isStopped,
  processIdentitySchema,
  worksIn,
} from './processes.ts';
import { readStateFile, writeStateFile } from './state-file.ts';

/** Port numbers in the order of `ServerSpec.portCount`. */
export type Ports = readonly number[];

export interface ServerSpec {
  /** For a person: `Kafka broker`. */
  readonly name: string;
  /** Absolute; holds state, lock, log and data. */
  readonly folder: () => string;
  readonly portCount: number;
  /** What must be there before it can start; called under the lock. @throws ModalmixError `dependency` */
  readonly prepare: (ports: Ports) => Promise<ServerCommand>;
  /** A real request, not an open port: servers take connections before they can work. */
  readonly answers: (ports: Ports) => Promise<boolean>;
  /** Called whenever it is known to have answered. */
  readonly onAnswer?: () => void;
  /** What else a person can do when it does not start. */
  readonly fix: () => string;
  /** From its start to its first answer; a server that ends is noticed at once. */
  readonly startTimeoutMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly stopGraceMs: number;
  /**
   * A file in `folder` that the server's process holds locked (flock) as long as it lives, where the system has the
   * program for it: two servers never have the same data, whatever became of the state file.
   */
  readonly dataLock?: string;
  /** After a start that ended by itself: whether something was mended, so that another try is worth it. */
  readonly mend?: () => boolean;
}

export interface ServerCommand {
  readonly program: string;
  readonly arguments: readonly string[];
}

/** How long a live server may be deaf on a quiet machine before it is replaced. */
const DEAF_TIMEOUT_MS = 20_000;
const PORT_WAIT_MS = 5_000;
const POLL_MS = 100;
const LOG_LINES_SHOWN = 12;
/** flock's own exit code when another process holds the lock; servers have others. */
const LOCKED_EXIT = 175;
/** A server that was killed has its files open a moment longer than it can be seen: its threads end one by one. */
const LOCK_WAIT_S = 5;

const stateSchema = z.object({
  process: processIdentitySchema,
  ports: z.array(z.int()),
  startedAt: z.iso.datetime(),
});
export type RunningServer = z.infer<typeof stateSchema>;

/** A machine with so many processes for each core that want it is waited for so many times as long, at most. */
const MOST_PATIENCE = 10;

/**
 * @param ms what is enough on a quiet machine
 * @param load processes that want a core, mean of the last minute
 */
export function patience(ms: number, load: number, cores: number): number {
  return ms * Math.min(MOST_PATIENCE, Math.max(1, load / cores));
}

export class DetachedServer {
  readonly #spec: ServerSpec;

  constructor(spec: ServerSpec) {
    this.#spec = spec;
  }

  /** As its state file tells; undefined when it does not run. */
  running(): RunningServer | undefined {
    const server = this.#lastState();
    return server !== undefined && worksIn(server.process, this.#spec.folder()) ? server : undefined;
  }

  /** Whether it runs and answers now; starts nothing. */
  async isUp(): Promise<boolean> {
    const server = this.running();
    return server !== undefined && (await this.#answers(server));
  }

  /**
   * Returns once the server answers; starts it first when it does not run.
   * @throws ModalmixError what `prepare` throws; `transient` with the log's end when it cannot start
   */
  async ensure(): Promise<RunningServer> {
    makeHome();
    const running = this.running();
    if (running !== undefined && (await this.#answers(running))) return running;
    return await withLock(this.#file('server.lock'), { waitMs: this.#lockWaitMs() }, async () => {
      const other = this.running();
      if (other !== undefined) {
        if (await this.#answersWithin(other, DEAF_TIMEOUT_MS)) return other;
        await endProcess(other.process, this.#spec.stopGraceMs);
      }
      return await this.#start();
    });
  }

  /** Its data stays. */
  async stop(): Promise<void> {
    if (!existsSync(this.#spec.folder())) return;
    await withLock(this.#file('server.lock'), { waitMs: this.#lockWaitMs() }, async () => {
      const server = this.running();
      if (server !== undefined) await endProcess(server.process, this.#spec.stopGraceMs);
    });
  }

  async #start(mayMend = true): Promise<RunningServer> {
    makePrivateFolder(this.#spec.folder());
    const ports = await this.#choosePorts();
    const command = await this.#spec.prepare(ports);
    const { program, words } = this.#locked(command);
    const child = withLog(this.logFile(), (log) =>
      spawn(program, words, { detached: true, stdio: ['ignore', log, log] }),
    );
    const failed = new Promise<Error>((resolve) => child.once('error', resolve));
    if (child.pid === undefined) throw this.#startError((await failed).message);
    child.unref();
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const identity = identifyProcess(child.pid);
    if (identity === undefined) {
      throw (await exited) === LOCKED_EXIT ? this.#heldError() : this.#startError('it ended at once');
    }
    const server = { process: identity, ports: [...ports], startedAt: new Date().toISOString() };
    const last = this.#lastState();
    writeStateFile(this.#file('server.json'), server);
    if (await this.#answersWithin(server, this.#spec.startTimeoutMs)) {
      this.#signDataLock(server);
      return server;
    }
    const ended = !isAlive(identity);
    if (ended && (await exited) === LOCKED_EXIT) {
      if (last !== undefined) writeStateFile(this.#file('server.json'), last);
      throw this.#heldError();
    }
    if (ended && mayMend && this.#spec.mend?.() === true) return await this.#start(false);
    await endProcess(identity, this.#spec.stopGraceMs);
    throw this.#startError(
      ended
        ? 'it ended'
        : `it did not answer within ${String(this.#patience(this.#spec.startTimeoutMs) / 1_000)} s`,
    );
  }

  /** The lock is of the open file, which the server inherits: no process of ours has to live for it. */
  #locked({ program, arguments: words }: ServerCommand): { program: string; words: readonly string[] } {
    const flock = this.#spec.dataLock === undefined ? undefined : findProgram('flock');
    if (flock === undefined || process.platform !== 'linux') return { program, words };
    const options = [
      '--exclusive',
      '--wait',
      String(LOCK_WAIT_S),
      '--no-fork',
      '--conflict-exit-code',
      String(LOCKED_EXIT),
    ];
    return { program: flock, words: [...options, this.#file(this.#spec.dataLock!), program, ...words] };
  }

  /** Written in place: a new file would not be the locked one. */
  #signDataLock(server: RunningServer): void {
    if (this.#spec.dataLock !== undefined) {
      writeFileSync(this.#file(this.#spec.dataLock), `${JSON.stringify(server)}\n`);
    }
  }

  #heldError(): ModalmixError {
    const lock = this.#file(this.#spec.dataLock ?? '');
    const holder = readStateFile(lock, stateSchema);
    const who = holder === undefined ? 'another process' : `process ${String(holder.process.pid)}`;
    return new ModalmixError(
      'transient',
      `the embedded ${this.#spec.name} did not start: ${who} has its data open`,
      {
        where: lock,
        fix: `End ${who} (a server that is still starting or ending, or one of another container with the same home), and try again.`,
      },
    );
  }

  #lockWaitMs(): number {
    return this.#patience(2 * this.#spec.startTimeoutMs);
  }

  #patience(ms: number): number {
    return patience(ms, loadavg()[0] ?? 0, availableParallelism());
  }

  async #answersWithin(server: RunningServer, withinMs: number): Promise<boolean> {
    const from = performance.now();
    // The load is looked at anew each time: it may come while this waits.
    const time = () => (isStopped(server.process) ? withinMs : this.#patience(withinMs));
    while (performance.now() - from < time() && isAlive(server.process)) {
      if (await this.#answers(server)) return true;
      await sleep(POLL_MS);
    }
    return false;
  }

  async #answers(server: RunningServer): Promise<boolean> {
    if (!(await this.#spec.answers(server.ports))) return false;
    this.#spec.onAnswer?.();
    return true;
  }

  /** The ports of the last start, so that clients which are waiting find it again; else free ones. */
  async #choosePorts(): Promise<number[]> {
    const last = this.#lastState()?.ports ?? [];
    if (last.length !== this.#spec.portCount) return await freePorts(this.#spec.portCount);
    // The dead server's last connections may take a moment to close.
    const deadline = performance.now() + PORT_WAIT_MS;
    while (!(await Promise.all(last.map(isPortFree))).every(Boolean)) {
      if (performance.now() > deadline) return await freePorts(this.#spec.portCount);
      await sleep(POLL_MS);
    }
    return last;
  }

  /** By the state file; where that is lost, by what the server's data is signed with. */
  #lastState(): RunningServer | undefined {
    const state = readStateFile(this.#file('server.json'), stateSchema);
    if (state !== undefined || this.#spec.dataLock === undefined) return state;
    return readStateFile(this.#file(this.#spec.dataLock), stateSchema);
  }

  logFile(): string {
    return this.#file('server.log');
  }

  #file(name: string): string {
    return join(this.#spec.folder(), name);
  }

  #startError(what: string): ModalmixError {
    const path = this.logFile();
    const lines = existsSync(path)
      ? readFileSync(path, 'utf8').trim().split('\n').slice(-LOG_LINES_SHOWN)
      : [];
    const shown = lines.join('') === '' ? '' : `\n  ${lines.join('\n  ')}`;
    return new ModalmixError('transient', `the embedded ${this.#spec.name} did not start: ${what}.${shown}`, {
      where: path,
      fix: this.#spec.fix(),
    });
  }
}
