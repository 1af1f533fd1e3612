/** A worker's life: one session with the brokers after the other, each begun anew when the one before lost them. */
import { ensureTopics } from '../kafka/topics.ts';
import { keepRunning } from '../keep-running.ts';
import { warnOnce } from '../log.ts';
import type { StreamTarget } from '../stream-target.ts';
import {
  TransactionalSession,
  type RecordWork,
  type SessionContext,
  type WorkerLife,
} from './transactional-session.ts';

/**
 * Runs until the signal.
 *
 * @param work of one session
 * @param answers whether the topics of answers are needed, too
 * @throws ModalmixError `config` or `dependency` when trying again would not help
 */
export async function runSessions<T>(
  input: SessionContext & { readonly target: Pick<StreamTarget, 'stream'>; readonly signal: AbortSignal },
  work: () => RecordWork<T>,
  answers = false,
): Promise<void> {
  const { target, log, metrics, signal } = input;
  const warn = warnOnce(log);
  const life: WorkerLife = {};
  await keepRunning({ log, signal, onRestart: () => metrics.restarts.inc() }, async () => {
    const connection = await input.connect();
    await ensureTopics(connection, target.stream, warn, answers);
    const session = await TransactionalSession.open(input, work(), connection, life);
    metrics.watchLag(() => session.lag());
    try {
      await session.run(signal);
    } finally {
      metrics.watchLag(() => []);
      await session.close();
    }
  });
}
