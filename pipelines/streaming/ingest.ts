/**
 * The ingest worker: `modalmix.clips` → extraction → `modalmix.features`. Any number of them share the
 * partitions; one that dies loses nothing, since what it had not published is read again by another.
 */
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ModalmixError } from '../../schemas/errors.ts';
import type { Extractor } from '../extraction/extractor.ts';
import { realRoots } from './authorise-clip.ts';
import type { KafkaConnection } from './connection.ts';
import { IngestSession } from './ingest-session.ts';
import type { Log } from './log.ts';
import type { StreamMetrics } from './metrics.ts';
import type { StreamTarget } from './stream-target.ts';
import { ensureTopics } from './topics.ts';

export interface IngestInput {
  readonly target: StreamTarget;
  /** Asked again whenever the connection was lost. */
  readonly connect: () => Promise<KafkaConnection>;
  readonly extractor: Extractor;
  /** Folders that events may name files in. */
  readonly allowedRoots: readonly string[];
  /** Unique among the running workers; one that starts with the id of a dead one ends what that left open. */
  readonly workerId: string;
  readonly metrics: StreamMetrics;
  readonly log: Log;
  /** Stops it after the clips that are under way. */
  readonly signal: AbortSignal;
}

const FIRST_WAIT_MS = 250;
const LAST_WAIT_MS = 10_000;
/** A session that lasted this long was healthy: the next failure waits briefly again. */
const HEALTHY_MS = 30_000;

/**
 * Runs until the signal.
 * @throws ModalmixError `config` or `dependency` when trying again would not help
 */
export async function runIngest(input: IngestInput): Promise<void> {
  const { target, log, metrics, signal } = input;
  const roots = await realRoots(input.allowedRoots);
  const concurrency = target.stream.ingest.concurrency ?? availableParallelism();
  await keepRunning({ log, signal, onRestart: () => metrics.restarts.inc() }, async () => {
    const connection = await input.connect();
    await ensureTopics(connection, target.stream);
    const session = await IngestSession.open(input, connection, roots, concurrency);
    metrics.watchLag(() => session.lag());
    try {
      await session.run(signal);
    } finally {
      metrics.watchLag(() => []);
      await session.close();
    }
  });
}

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
    const started = Date.now();
    try {
      await live();
      return;
    } catch (error) {
      if (!(error instanceof ModalmixError) || error.kind !== 'transient') throw error;
      if (Date.now() - started > HEALTHY_MS) waitMs = FIRST_WAIT_MS;
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
