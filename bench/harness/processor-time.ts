/** Processor time of this process and what it has started. Linux only. */
import { readFile, readdir } from 'node:fs/promises';

/** Linux's clock ticks a second, whatever the machine. */
const TICKS_PER_S = 100;

interface Times {
  readonly parent: number;
  readonly name: string;
  readonly seconds: number;
  readonly endedChildrenSeconds: number;
}

/**
 * Of this process and of those below it that run, seconds since they began.
 *
 * @param without programs whose time is not ours, as the system names them
 */
export async function processorSeconds(without: readonly string[] = []): Promise<number> {
  const all = new Map<number, Times>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/u.test(name)) continue;
    const times = await timesOf(Number(name));
    if (times !== undefined) all.set(Number(name), times);
  }
  const isOurs = (pid: number): boolean => {
    if (pid === process.pid) return true;
    const times = all.get(pid);
    return times !== undefined && !without.includes(times.name) && isOurs(times.parent);
  };
  return [...all].reduce((sum, [pid, { seconds }]) => sum + (isOurs(pid) ? seconds : 0), 0);
}

/** @returns undefined of one that has ended */
export async function timesOf(pid: number): Promise<Times | undefined> {
  const text = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // After the name, which may hold spaces: the parent is the 2nd field, user's and system's time are the 12th and 13th, those
  // of children that have ended the 14th and 15th.
  const end = text.lastIndexOf(')');
  const fields = text
    .slice(end + 2)
    .split(' ')
    .map(Number);
  const secondsAt = (field: number) => (fields[field]! + fields[field + 1]!) / TICKS_PER_S;
  const name = text.slice(text.indexOf('(') + 1, end);
  return { parent: fields[1]!, name, seconds: secondsAt(11), endedChildrenSeconds: secondsAt(13) };
}
