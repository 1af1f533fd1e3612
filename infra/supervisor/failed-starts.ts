/** Tells a worker that cannot start (code or native parts are broken) from one that ended for a while's reason. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { z } from 'zod';

/** So many starts in a row that came to nothing: another one would not either. */
export const MOST_FAILED_STARTS = 4;
const LINES_SHOWN = 8;
const LINE_CHARACTERS = 300;
const TAIL_BYTES = 64 * 1024;

export const workerFailureSchema = z.object({
  starts: z.int().positive(),
  /** How it ended last. */
  lastExit: z.string(),
  /** The last things it wrote. */
  lines: z.array(z.string()),
});
export type WorkerFailure = z.infer<typeof workerFailureSchema>;

/** What a worker says to its parent: its code is loaded; it takes work. */
export type WorkerMessage = 'loaded' | 'ready';

export interface WorkerEnd {
  /** `exit code 1`, or a signal's name. */
  readonly lastExit: string;
  /** The furthest it got. */
  readonly reached: WorkerMessage | undefined;
  /** Whether the server could be reached when it ended. */
  readonly serverUp: boolean;
}

/**
 * Whether it failed for a reason that stays: its code could not be loaded, or it could not begin though the server
 * answers. Who kills it, or a server that is away, is no such reason.
 */
export function isFailedStart({ lastExit, reached, serverUp }: WorkerEnd): boolean {
  if (reached === 'ready' || ['SIGKILL', 'SIGTERM', 'SIGINT'].includes(lastExit)) return false;
  return reached === undefined || serverUp;
}

/** Lines that say nothing to a person: where in the code it was, and the program's version. */
const NOISE = /^\s+at |^Node\.js v\d|^\s*\^+\s*$|^\s*$/u;

/** The last telling lines of a log that were written after `fromByte`. */
export function lastLines(path: string, fromByte: number): string[] {
  const end = statSync(path).size;
  const start = Math.max(fromByte, end - TAIL_BYTES);
  const bytes = Buffer.alloc(Math.max(0, end - start));
  const file = openSync(path, 'r');
  try {
    readSync(file, bytes, 0, bytes.length, start);
  } finally {
    closeSync(file);
  }
  return bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => !NOISE.test(line))
    .slice(-LINES_SHOWN)
    .map((line) => line.slice(0, LINE_CHARACTERS));
}
