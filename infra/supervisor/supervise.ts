/**
 * The supervisor, from outside: one process for a home folder that keeps the embedded Temporal server, a worker
 * and the workers of kept streams running, whoever started them and whether or not they still watch.
 * `supervisor-main.ts` is it.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ModalmixError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { IS_PACKED, packedProgram } from '../../pipelines/process/packed.mjs';
import { builtProgram } from '../command/built-command.mjs';
import { patience } from '../detached-server.ts';
import { workerFailureSchema } from './failed-starts.ts';
import { PROJECT_FOLDER, makeHome, makePrivateFolder, modalmixHome } from '../folders.ts';
import { INFRA_PROGRAMS, type InfraProgram } from '../programs.ts';
import { withLock } from '../lock.ts';
import {
  endProcess,
  isProgram,
  processIdentitySchema,
  processSpace,
  type ProcessIdentity,
} from '../processes.ts';
import { readStateFile } from '../state-file.ts';
import { endpointFromEnvironment } from '../temporal/connection-settings.ts';
import { stopTemporal } from '../temporal/ensure-temporal.ts';

export const supervisorStateSchema = z.object({
  process: processIdentitySchema,
  /** Where its process ids are processes: `processSpace`; absent where nothing tells. */
  space: z.string().optional(),
  /** Hash of the code and the settings it was started with. */
  fingerprint: z.string(),
  /** Hash of the AWS settings it was started with; empty without any. */
  storeAccess: z.string().default(''),
  worker: processIdentitySchema.optional(),
  /** Workers of the streams that are kept. */
  streamWorkers: z.array(processIdentitySchema).default([]),
  workerStarts: z.int().nonnegative(),
  /** How the worker ended last, when it did. */
  lastExit: z.string().optional(),
  /** The worker cannot start; no more is tried until a command comes that starts the supervisor anew. */
  workerFailure: workerFailureSchema.optional(),
});
export type SupervisorState = z.infer<typeof supervisorStateSchema>;

export const supervisorFiles = {
  state: () => join(modalmixHome(), 'supervisor', 'supervisor.json'),
  /** Held while a supervisor is started or stopped. */
  startLock: () => join(modalmixHome(), 'supervisor', 'start.lock'),
  /** Held by the supervisor as long as it lives: there is one. */
  lifeLock: () => join(modalmixHome(), 'supervisor', 'life.lock'),
  log: () => join(modalmixHome(), 'supervisor', 'supervisor.log'),
  workerLog: () => join(modalmixHome(), 'supervisor', 'worker.log'),
};

/** How long a stopped worker has to reach its next checkpoint. */
export const WORKER_GRACE_MS = 60_000;
const START_TIMEOUT_MS = 30_000;
/** How often a supervisor signs its state file, so that others see that it lives. */
export const SIGN_EVERY_MS = 4_000;
const FOREIGN_WAIT_MS = 3 * SIGN_EVERY_MS;
const POLL_MS = 50;
const CODE_FOLDERS = IS_PACKED ? ['dist'] : ['schemas', 'pipelines', 'activities', 'workflows', 'infra'];

let compared = false;

/**
 * Returns once a supervisor runs; starts it when there is none. One that was started with other code or other
 * settings is replaced, but only by the first call in a process: two commands with different settings that
 * both keep asking shall not end one another's worker again and again.
 *
 * @throws ModalmixError `transient` when it cannot start
 */
export async function ensureSupervisor(): Promise<SupervisorState> {
  const print = compared ? undefined : fingerprint();
  compared = true;
  const current = runningSupervisor();
  if (current !== undefined && isCurrent(current, print)) return current;
  makeHome();
  await refuseForeign();
  return await withLock(supervisorFiles.startLock(), { waitMs: 2 * WORKER_GRACE_MS }, async () => {
    const other = runningSupervisor();
    if (other !== undefined) {
      if (isCurrent(other, print)) return other;
      await endProcess(other.process, WORKER_GRACE_MS + START_TIMEOUT_MS);
    }
    return await start();
  });
}

/** Stops the supervisor, its worker (a training leaves a checkpoint) and the embedded server. */
export async function stopSupervisor(): Promise<void> {
  await withLock(supervisorFiles.startLock(), { waitMs: 2 * WORKER_GRACE_MS }, async () => {
    const state = readStateFile(supervisorFiles.state(), supervisorStateSchema);
    if (state === undefined || isForeign(state)) return;
    if (isSupervisor(state.process)) await endProcess(state.process, WORKER_GRACE_MS + START_TIMEOUT_MS);
    await endOrphans(state);
  });
  if (endpointFromEnvironment() === undefined) await stopTemporal();
}

/** Workers that a supervisor which was killed has left behind, and no process that is none. */
export async function endOrphans({ worker, streamWorkers }: SupervisorState): Promise<void> {
  if (worker !== undefined && isProgram(worker, 'worker-main')) await endProcess(worker, WORKER_GRACE_MS);
  for (const one of streamWorkers) {
    if (isProgram(one, 'stream-worker-main')) await endProcess(one, WORKER_GRACE_MS);
  }
}

/** What the supervisor last wrote about itself; undefined when none runs here. */
export function runningSupervisor(): SupervisorState | undefined {
  const state = readStateFile(supervisorFiles.state(), supervisorStateSchema);
  return state !== undefined && !isForeign(state) && isSupervisor(state.process) ? state : undefined;
}

/** The file may have been planted: only a supervisor of this very home is one. */
function isSupervisor(identity: ProcessIdentity): boolean {
  return isProgram(identity, 'supervisor-main') && isOfThisHome(identity.pid);
}

function isOfThisHome(pid: number): boolean {
  if (process.platform !== 'linux') return true;
  try {
    const settings = readFileSync(`/proc/${String(pid)}/environ`, 'utf8').split('\0');
    const home = settings
      .find((one) => one.startsWith(`${ENVIRONMENT.home}=`))
      ?.slice(ENVIRONMENT.home.length + 1);
    return home !== undefined && realpathSync(home) === realpathSync(modalmixHome());
  } catch {
    return false;
  }
}

/** Of another machine or process namespace: its process ids mean nothing here. */
export function isForeign({ space }: SupervisorState): boolean {
  return space !== undefined && space !== processSpace();
}

/**
 * One home, one machine: two supervisors would each take the other's workers and server for dead.
 *
 * @throws ModalmixError `config` while a supervisor elsewhere signs its state file
 */
async function refuseForeign(): Promise<void> {
  const state = readStateFile(supervisorFiles.state(), supervisorStateSchema);
  if (state === undefined || !isForeign(state)) return;
  const signedAt = () => statSync(supervisorFiles.state(), { throwIfNoEntry: false })?.mtimeMs;
  const before = signedAt();
  // No clock is compared: the two machines' may differ.
  for (const deadline = performance.now() + FOREIGN_WAIT_MS; performance.now() < deadline;) {
    await sleep(POLL_MS);
    if (signedAt() === before) continue;
    throw new ModalmixError(
      'config',
      'this home is in use by a supervisor on another machine or in another container',
      {
        where: modalmixHome(),
        fix: `Work there, or give this one a home of its own (${ENVIRONMENT.home}); several machines share a Temporal server by TEMPORAL_ADDRESS.`,
      },
    );
  }
}

/** Why the supervisor has given up on its worker, when it has. */
export function workerFailure(): ModalmixError | undefined {
  const failure = runningSupervisor()?.workerFailure;
  if (failure === undefined) return undefined;
  const { starts, lastExit, lines } = failure;
  const words = lines.map((line) => `\n  | ${line}`).join('');
  return new ModalmixError(
    'dependency',
    `the worker cannot start: it ended ${String(starts)} times in a row before it took work (${lastExit}).${words}`,
    {
      where: supervisorFiles.workerLog(),
      fix: 'Run "npm run setup", then "modalmix doctor"; runs go on when the next command has started a worker.',
    },
  );
}

/** The program and its first arguments that run a TypeScript module, wherever the working folder is. */
export function nodeWithTypeScript(): { program: string; args: string[] } {
  const tsx = createRequire(import.meta.url).resolve('tsx');
  return { program: process.execPath, args: ['--import', pathToFileURL(tsx).href] };
}

/** The program and its arguments that run a TypeScript file, or what a package has instead of it. */
export function programOf(file: string): { program: string; args: string[] } {
  if (IS_PACKED) return { program: process.execPath, args: [packedProgram(file)] };
  const { program, args } = nodeWithTypeScript();
  return { program, args: [...args, file] };
}

/** The program and its first arguments that run one of them: as set-up has built it, else its TypeScript. */
export function infraProgram(name: InfraProgram): { program: string; args: string[] } {
  const built = IS_PACKED ? undefined : builtProgram(name);
  if (built !== undefined) return { program: process.execPath, args: [built] };
  return programOf(join(PROJECT_FOLDER, INFRA_PROGRAMS[name]));
}

/**
 * Hash of the sources' times and the settings: what makes a running supervisor outdated. The home folder is
 * no part of it: it is where the supervisor was found, and its own environment always names it.
 */
export function fingerprint(): string {
  const hash = createHash('sha256').update(process.version);
  for (const name of Object.values(ENVIRONMENT)) {
    if (name !== ENVIRONMENT.home) hash.update(`${name}=${process.env[name] ?? ''}\n`);
  }
  for (const folder of CODE_FOLDERS) {
    const root = join(PROJECT_FOLDER, folder);
    for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
      if (/\.(ts|mjs|js|json)$/.test(file)) hash.update(`${file}:${statSync(join(root, file)).mtimeMs}\n`);
    }
  }
  return hash.digest('hex');
}

function isCurrent(state: SupervisorState, print: string | undefined): boolean {
  if (print === undefined) return true;
  // What kept its worker from starting may have been mended.
  if (state.workerFailure !== undefined) return false;
  // A shell without AWS settings shall not take them from a worker that has some.
  const access = storeAccess();
  return state.fingerprint === print && (access === '' || access === state.storeAccess);
}

/** Hash of what says where S3 stores are and who may use them; empty without any. */
export function storeAccess(): string {
  const settings = Object.keys(process.env).filter(
    (name) => name.startsWith('AWS_') && !name.startsWith('AWS_SDK_'),
  );
  if (settings.length === 0) return '';
  const lines = settings.sort().map((name) => `${name}=${process.env[name] ?? ''}`);
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

async function start(): Promise<SupervisorState> {
  makePrivateFolder(join(modalmixHome(), 'supervisor'));
  const { program, args } = infraProgram('supervisor-main');
  const log = openSync(supervisorFiles.log(), 'a');
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, [ENVIRONMENT.home]: modalmixHome() },
  });
  closeSync(log);
  child.unref();
  const from = performance.now();
  // The load is looked at anew each time: it may come while this waits.
  const time = () => patience(START_TIMEOUT_MS, loadavg()[0] ?? 0, availableParallelism());
  while (performance.now() - from < time() && child.exitCode === null && child.signalCode === null) {
    const state = runningSupervisor();
    if (state?.process.pid === child.pid && state !== undefined) return state;
    await sleep(POLL_MS);
  }
  throw new ModalmixError('transient', 'the supervisor of server and worker did not start', {
    where: supervisorFiles.log(),
    fix: 'Look at the end of that log; "modalmix doctor" checks the parts.',
  });
}
