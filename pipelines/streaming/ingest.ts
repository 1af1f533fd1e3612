/**
 * The ingest worker: `modalmix.clips` → extraction → `modalmix.features`. Any number of them share the
 * partitions; one that dies loses nothing, since what it had not published is read again by another.
 */
import { availableParallelism } from 'node:os';
import type { Extractor } from '../extraction/extractor.ts';
import { realRoots } from './authorise-clip.ts';
import type { BrokerSource } from './broker-health.ts';
import { IngestSession } from './ingest-session.ts';
import { keepRunning } from './keep-running.ts';
import { warnOnce, type Log } from './log.ts';
import type { StreamMetrics } from './metrics.ts';
import type { StreamTarget } from './stream-target.ts';
import { ensureTopics } from './topics.ts';

export interface IngestInput extends BrokerSource {
  readonly target: StreamTarget;
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

/**
 * Runs until the signal.
 * @throws ModalmixError `config` or `dependency` when trying again would not help
 */
export async function runIngest(input: IngestInput): Promise<void> {
  const { target, log, metrics, signal } = input;
  const roots = await realRoots(input.allowedRoots);
  const concurrency = target.stream.ingest.concurrency ?? availableParallelism();
  const warn = warnOnce(log);
  await keepRunning({ log, signal, onRestart: () => metrics.restarts.inc() }, async () => {
    const connection = await input.connect();
    await ensureTopics(connection, target.stream, warn);
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
