/**
 * The ingest worker: `modalmix.clips` → extraction → `modalmix.features`. Any number of them share the
 * partitions; one that dies loses nothing, since what it had not published is read again by another.
 */
import { availableParallelism } from 'node:os';
import { realRoots } from './authorise-clip.ts';
import type { IngestInput } from './ingest-input.ts';
import { IngestWork } from './ingest-work.ts';
import { keepRunning } from '../keep-running.ts';
import { warnOnce } from '../log.ts';
import { ensureTopics } from '../kafka/topics.ts';
import { TransactionalSession, type WorkerLife } from '../transactions/transactional-session.ts';

/**
 * Runs until the signal.
 * @throws ModalmixError `config` or `dependency` when trying again would not help
 */
export async function runIngest(input: IngestInput): Promise<void> {
  const { target, log, metrics, signal } = input;
  const roots = await realRoots(input.allowedRoots);
  const concurrency = target.stream.ingest.concurrency ?? availableParallelism();
  const warn = warnOnce(log);
  const life: WorkerLife = {};
  await keepRunning({ log, signal, onRestart: () => metrics.restarts.inc() }, async () => {
    const connection = await input.connect();
    await ensureTopics(connection, target.stream, warn);
    const work = new IngestWork(input, roots, concurrency);
    const session = await TransactionalSession.open(input, work, connection, life);
    metrics.watchLag(() => session.lag());
    try {
      await session.run(signal);
    } finally {
      metrics.watchLag(() => []);
      await session.close();
    }
  });
}
