/**
 * The ingest worker: `modalmix.clips` → extraction → `modalmix.features`. Any number of them share the
 * partitions; one that dies loses nothing, since what it had not published is read again by another.
 */
import { availableParallelism } from 'node:os';
import { realRoots } from './authorise-clip.ts';
import type { IngestInput } from './ingest-input.ts';
import { IngestSession, type IngestLife } from './ingest-session.ts';
import { keepRunning } from '../keep-running.ts';
import { warnOnce } from '../log.ts';
import { ensureTopics } from '../kafka/topics.ts';

/**
 * Runs until the signal.
 * @throws ModalmixError `config` or `dependency` when trying again would not help
 */
export async function runIngest(input: IngestInput): Promise<void> {
  const { target, log, metrics, signal } = input;
  const roots = await realRoots(input.allowedRoots);
  const concurrency = target.stream.ingest.concurrency ?? availableParallelism();
  const warn = warnOnce(log);
  const life: IngestLife = {};
  await keepRunning({ log, signal, onRestart: () => metrics.restarts.inc() }, async () => {
    const connection = await input.connect();
    await ensureTopics(connection, target.stream, warn);
    const session = await IngestSession.open(input, connection, roots, concurrency, life);
    metrics.watchLag(() => session.lag());
    try {
      await session.run(signal);
    } finally {
      metrics.watchLag(() => []);
      await session.close();
    }
  });
}
