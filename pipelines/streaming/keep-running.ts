/** A worker's life over the broker's: what fails in passing is begun again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ModalmixError } from '../../schemas/errors.ts';
import type { Log } from './log.ts';

const FIRST_WAIT_MS = 250;
const LAST_WAIT_MS = 10_000;
/** A session that lasted this long was healthy: the next failure waits briefly again. */
const HEALTHY_MS = 30_000;

export interface KeepRunningOptions {
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly onRestart: () => void;
}

/** Repeats `live` after transient errors, waiting longer each time, until it returns or the signal comes. */
export async function keepRunning(options: KeepRunningOptions, live: () => Promise<void>): Promise<void> {
  const { log, signal } = options;
  let waitMs = FIRST_WAIT_MS;
  while (!signal.aborted) {
    const started = performance.now();
    try {
      await live();
      return;
    } catch (error) {
      if (!(error instanceof ModalmixError) || error.kind !== 'transient') throw error;
      if (performance.now() - started > HEALTHY_MS) waitMs = FIRST_WAIT_MS;
      log.warn(
        { reason: error.message, waitMs },
        'lost the broker or the place in the group; starting again',
      );
      options.onRestart();
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      waitMs = Math.min(2 * waitMs, LAST_WAIT_MS);
    }
  }
}
