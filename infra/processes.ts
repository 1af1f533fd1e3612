/** Processes that outlive the one that started them: telling them from strangers, and ending them. */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ModalmixError } from '../schemas/errors.ts';
import type { InfraProgram } from './programs.ts';

/** A process id is given to another process one day; together with the start time it is not. */
export const processIdentitySchema = z.object({ pid: z.int().positive(), startTime: z.string() });
export type ProcessIdentity = z.infer<typeof processIdentitySchema>;

const POLL_MS = 25;
/** Least time in which a killed process is gone, also on a busy machine. */
const KILLED_MS = 30_000;

/** @returns undefined when no such process runs */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const startTime = process.platform === 'linux' ? linuxStartTime(pid) : psStartTime(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTime === identity.startTime;
}

/**
 * The words that a process was started with, which nobody else can change: a state file may have been planted, and a process
 * id given to another program.
 *
 * @returns undefined when it is gone
 */
export function commandWords(pid: number): readonly string[] | undefined {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').split('\0');
    return execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .split(' ');
  } catch {
    return undefined;
  }
}

/** Whether it lives and runs this program of ours, built or as its source. */
export function isProgram(identity: ProcessIdentity, name: InfraProgram): boolean {
  const file = new RegExp(`(^|[\\\\/])${name}\\.[cm]?[jt]s$`, 'u');
  return isAlive(identity) && commandWords(identity.pid)?.some((word) => file.test(word)) === true;
}

/** Whether it lives and was started on a file of this folder. */
export function worksIn(identity: ProcessIdentity, folder: string): boolean {
  const real = realPathOf(folder);
  const words = isAlive(identity) ? commandWords(identity.pid) : undefined;
  return (
    real !== undefined &&
    words?.some((word) => isAbsolute(word) && realPathOf(dirname(word)) === real) === true
  );
}

function realPathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** What tells the processes of this machine and process namespace from those of others; undefined where nothing does. */
export function processSpace(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}

/** Whether somebody has stopped it (SIGSTOP, a debugger): it is not slow, it does nothing. Told on Linux only. */
export function isStopped(identity: ProcessIdentity): boolean {
  if (process.platform !== 'linux' || !isAlive(identity)) return false;
  return ['T', 't'].includes(linuxStat(identity.pid)?.[0] ?? '');
}

/** @returns whether it ended within the time */
export async function waitForEnd(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isAlive(identity)) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/**
 * Asks with SIGTERM, and after `graceMs` insists with SIGKILL. A process that is gone is fine.
 *
 * @throws ModalmixError `transient` when it is still there long after SIGKILL (stopped machine, a disk that hangs):
 *   whoever wants to start another one in its place must not
 */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
  signal(identity, 'SIGTERM');
  if (await waitForEnd(identity, graceMs)) return;
  signal(identity, 'SIGKILL');
  if (await waitForEnd(identity, Math.max(graceMs, KILLED_MS))) return;
  throw new ModalmixError('transient', `process ${String(identity.pid)} does not end, not even by SIGKILL`, {
    where: `process ${String(identity.pid)}`,
    fix: 'The system holds it, often for a disk that does not answer. Try again once it is gone.',
  });
}

function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Field 22 of `/proc/<pid>/stat` (proc(5)). */
function linuxStartTime(pid: number): string | undefined {
  const fields = linuxStat(pid);
  // A zombie has ended; its parent has not looked yet.
  return fields === undefined || fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

/** The fields of `/proc/<pid>/stat` from the third on, the state: they follow the name, which may hold spaces. */
function linuxStat(pid: number): string[] | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if (isGone(error)) return undefined;
    // To take a process for dead that only could not be looked at would start another one beside it.
    throw error;
  }
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
}

function psStartTime(pid: number): string | undefined {
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}
