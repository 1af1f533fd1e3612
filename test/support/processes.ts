/** Processes by what they were started with: how a test finds what it is to kill. Linux only, as the tests' CI. */
import { readFileSync, readdirSync } from 'node:fs';
import { ENVIRONMENT } from '../../schemas/names.ts';

/**
 * Pids of processes that work for one home folder (so those of other tests are left alone) and whose command
 * line has all of these words.
 */
export function pidsOf(home: string, ...words: readonly string[]): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ');
        if (!words.every((word) => commandLine.includes(word))) return false;
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        return environment.includes(`${ENVIRONMENT.home}=${home}`);
      } catch {
        // It ended meanwhile.
        return false;
      }
    })
    .map(Number);
}

/** SIGKILL, as the out-of-memory killer or a power cut would. @returns how many were struck */
export function killAll(pids: readonly number[]): number {
  let struck = 0;
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
      struck += 1;
    } catch {
      // It ended meanwhile.
    }
  }
  return struck;
}
