/** A lock between processes of one machine, freed by its holder's death. */
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ModalmixError } from '../schemas/errors.ts';
import { identifyProcess, isAlive, processIdentitySchema } from './processes.ts';

export interface LockOptions {
  readonly waitMs: number;
  /** Called once, when another process holds it. */
  readonly onWait?: (holderPid: number) => void;
}

const POLL_MS = 50;

/**
 * Runs `action` while no other process (and nobody else in this one) is inside the same lock.
 * @throws ModalmixError `transient` when it is held for longer than `waitMs`
 */
export async function withLock<T>(path: string, options: LockOptions, action: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  const token = JSON.stringify({ ...identifyProcess(process.pid), token: randomUUID() });
  const deadline = performance.now() + options.waitMs;
  let announced = false;
  while (!tryLock(path, token)) {
    const holder = readHolder(path);
    if (holder === undefined) continue;
    if (!holder.alive) {
      removeStale(path, holder.text);
      continue;
    }
    if (!announced) options.onWait?.(holder.pid);
    announced = true;
    if (performance.now() > deadline) {
      throw new ModalmixError('transient', `process ${holder.pid} has been busy there for long`, {
        where: path,
        fix: 'Wait for it to be done, or end it, and try again.',
      });
    }
    await sleep(POLL_MS);
  }
  try {
    return await action();
  } finally {
    if (readText(path) === token) rmSync(path, { force: true });
  }
}

/** A hard link appears at once and whole, so no reader meets a lock without its holder's name. */
function tryLock(path: string, token: string): boolean {
  const temporary = `${path}.${randomUUID()}`;
  writeFileSync(temporary, token);
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function readHolder(path: string): { pid: number; alive: boolean; text: string } | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  try {
    const identity = processIdentitySchema.parse(JSON.parse(text));
    return { pid: identity.pid, alive: isAlive(identity), text };
  } catch {
    return { pid: 0, alive: false, text };
  }
}

/** Moved aside first: if another process was quicker and locked anew, its lock is put back. */
function removeStale(path: string, staleText: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    if (readText(aside) !== staleText) linkSync(aside, path);
  } catch {
    // Somebody else removed it.
  } finally {
    rmSync(aside, { force: true });
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
