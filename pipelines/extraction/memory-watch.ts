/** Ends a decoder before it takes the machine's memory: hostile files of a few hundred bytes ask for gigabytes. */
import { readFileSync } from 'node:fs';

const LOOK_EVERY_MS = 50;

/**
 * Looks at a process's resident memory all the time. No limit of the kernel's: Node reserves far more than it uses. Only on
 * Linux; elsewhere nothing is watched.
 *
 * @param onExceeded called once; the process is the caller's to end
 * @returns ends the watch
 */
export function watchMemory(pid: number | undefined, limitMiB: number, onExceeded: () => void): () => void {
  if (process.platform !== 'linux' || pid === undefined) return () => undefined;
  const timer = setInterval(() => {
    if (residentMiB(pid) <= limitMiB) return;
    clearInterval(timer);
    onExceeded();
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
  };
}

/** @returns 0 of a process that is gone */
function residentMiB(pid: number): number {
  try {
    const status = readFileSync(`/proc/${String(pid)}/status`, 'latin1');
    return Number(/^VmRSS:\s*(\d+) kB/mu.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** For a person. */
export function tooMuchMemory(limitMiB: number): string {
  return `decoding it took more than ${String(limitMiB)} MiB of memory; extraction.limits.clipMemoryMiB raises the limit`;
}
