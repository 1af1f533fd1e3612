/**
 * Temporary files and folders, named by the process they belong to: what a killed one left is deleted by the next one
 * that works in the same place. What other machines and containers left is left to `ABANDONED_MS` of age.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { makePrivately } from './private-folder.ts';

const PLACE_CHARACTERS = 8;
/** A process of another machine, which cannot be looked at, works with none of its files for so long. */
const ABANDONED_MS = 7 * 24 * 3_600_000;

/** A new name that says who made it; `kind` is for a person. */
export function ownedName(kind: string): string {
  return `${kind}-${place()}-${String(process.pid)}-${startTimeOf(process.pid) ?? '0'}-${randomUUID()}`;
}

const OWNED = /^[a-z]+-(?<place>[0-9a-f]{8})-(?<pid>\d+)-(?<start>\d+)-[0-9a-f-]{36}$/u;

const swept = new Set<string>();

/** `work` with a folder, which may not be there yet and is gone afterwards. */
export async function inFolder<T>(folder: string, work: (folder: string) => Promise<T>): Promise<T> {
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Makes the folder, and the one that it lies in for its owner alone; once a process deletes in it what dead processes left.
 */
export async function openScratchParent(folder: string): Promise<void> {
  await makePrivately(dirname(folder));
  await mkdir(folder, { recursive: true });
  if (swept.has(folder)) return;
  swept.add(folder);
  for (const name of await readdir(folder)) {
    // Another process may be at the same, or ends just now: what is left is met again.
    if (await isLeft(folder, name))
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Whether the process that a name tells of has ended; undefined where it was another machine's, or the name is none. */
export function isOwnerDead(name: string): boolean | undefined {
  const owner = OWNED.exec(name)?.groups;
  if (owner?.['place'] !== place()) return undefined;
  const start = startTimeOf(Number(owner['pid']));
  return start !== 'unknown' && start !== owner['start'];
}

async function isLeft(folder: string, name: string): Promise<boolean> {
  const dead = isOwnerDead(name);
  if (dead !== undefined) return dead;
  const written = (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs;
  return written !== undefined && Date.now() - written > ABANDONED_MS;
}

let known: string | undefined;

/** Where process ids mean the same processes: one machine, and on it one namespace of processes. */
function place(): string {
  if (known !== undefined) return known;
  const facts = [hostname(), textOf(() => readFileSync('/etc/machine-id', 'utf8'))];
  facts.push(textOf(() => readlinkSync('/proc/self/ns/pid')));
  known = createHash('sha256').update(facts.join('\n')).digest('hex').slice(0, PLACE_CHARACTERS);
  return known;
}

function textOf(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

/**
 * When the process was started, in ticks since the machine was (field 22 of `/proc/<pid>/stat`, proc(5)); elsewhere
 * than on Linux `0` for any that runs. Undefined when there is no such process.
 */
function startTimeOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      process.kill(pid, 0);
      return '0';
    }
    const line = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    const [state, ...fields] = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? undefined : fields[18];
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    // It is there, and is somebody else's, or could not be looked at: not to be taken for dead.
    return 'unknown';
  }
}
