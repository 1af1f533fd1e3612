/**
 * An embedded server: one for a home folder, detached from who started it, found again by its state file.
 * Whoever needs it calls `ensure`; a dead one is started again on the same ports and data.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ModalmixError } from '../schemas/errors.ts';
import { withLock } from './lock.ts';
import { freePorts, isPortFree } from './ports.ts';
import { endProcess, identifyProcess, isAlive, processIdentitySchema } from './processes.ts';
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
}

export interface ServerCommand {
  readonly program: string;
  readonly arguments: readonly string[];
}

/** How long a live server may be deaf before it is replaced. */
const DEAF_TIMEOUT_MS = 20_000;
const PORT_WAIT_MS = 5_000;
const POLL_MS = 100;
const LOG_LINES_SHOWN = 12;

const stateSchema = z.object({
  process: processIdentitySchema,
  ports: z.array(z.int()),
  startedAt: z.iso.datetime(),
});
export type RunningServer = z.infer<typeof stateSchema>;

export class DetachedServer {
  readonly #spec: ServerSpec;

  constructor(spec: ServerSpec) {
    this.#spec = spec;
  }

  /** As its state file tells; undefined when it does not run. */
  running(): RunningServer | undefined {
    const server = this.#lastState();
    return server !== undefined && isAlive(server.process) ? server : undefined;
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
    const running = this.running();
    if (running !== undefined && (await this.#answers(running))) return running;
    return await withLock(this.#file('server.lock'), { waitMs: 2 * this.#spec.startTimeoutMs }, async () => {
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
    await withLock(this.#file('server.lock'), { waitMs: 2 * this.#spec.startTimeoutMs }, async () => {
      const server = this.running();
      if (server !== undefined) await endProcess(server.process, this.#spec.stopGraceMs);
    });
  }

  async #start(): Promise<RunningServer> {
    mkdirSync(this.#spec.folder(), { recursive: true });
    const ports = await this.#choosePorts();
    const command = await this.#spec.prepare(ports);
    const log = openSync(this.#file('server.log'), 'a');
    const child = spawn(command.program, command.arguments, { detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    const failed = new Promise<Error>((resolve) => child.once('error', resolve));
    if (child.pid === undefined) throw this.#startError((await failed).message);
    child.unref();
    const identity = identifyProcess(child.pid);
    if (identity === undefined) throw this.#startError('it ended at once');
    const server = { process: identity, ports: [...ports], startedAt: new Date().toISOString() };
    writeStateFile(this.#file('server.json'), server);
    if (await this.#answersWithin(server, this.#spec.startTimeoutMs)) return server;
    const ended = !isAlive(identity);
    await endProcess(identity, this.#spec.stopGraceMs);
    throw this.#startError(
      ended ? 'it ended' : `it did not answer within ${this.#spec.startTimeoutMs / 1_000} s`,
    );
  }

  async #answersWithin(server: RunningServer, withinMs: number): Promise<boolean> {
    const deadline = Date.now() + withinMs;
    while (Date.now() < deadline && isAlive(server.process)) {
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
    const deadline = Date.now() + PORT_WAIT_MS;
    while (!(await Promise.all(last.map(isPortFree))).every(Boolean)) {
      if (Date.now() > deadline) return await freePorts(this.#spec.portCount);
      await sleep(POLL_MS);
    }
    return last;
  }

  #lastState(): RunningServer | undefined {
    return readStateFile(this.#file('server.json'), stateSchema);
  }

  #file(name: string): string {
    return join(this.#spec.folder(), name);
  }

  #startError(what: string): ModalmixError {
    const path = this.#file('server.log');
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
