/** The supervisor's part for streams: the workers of every kept stream run, as long as it is kept. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { describeError } from '../../schemas/errors.ts';
import { findKeptStream, keepStream, keptStreams, streamLogFile, type KeptStream } from './kept-streams.ts';
import type { ProcessIdentity } from '../processes.ts';
import { keepStreamProcesses } from './stream-processes.ts';

export interface StreamKeeperOptions {
  readonly log: Logger;
  /** Ends all of them. */
  readonly signal: AbortSignal;
  /** The workers that run now, whenever that changes. */
  readonly onWorkers: (workers: readonly ProcessIdentity[]) => void;
}

const LOOK_MS = 500;

interface RunningStream {
  readonly since: string;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** Starts and ends workers as streams are kept and dropped, until the signal. */
export async function keepStreams(options: StreamKeeperOptions): Promise<void> {
  const { log, signal } = options;
  const running = new Map<string, RunningStream>();
  const workers = new Map<number, ProcessIdentity>();
  const report = () => {
    options.onWorkers([...workers.values()]);
  };

  const start = (runId: string, { configFile, set, ingest, predict, since }: KeptStream): RunningStream => {
    const stop = new AbortController();
    log.info({ runId, configFile, ingest, predict }, 'stream workers start');
    const ended = keepStreamProcesses({
      configFile,
      ...(set === undefined ? {} : { set }),
      ingest,
      predict,
      logFile: streamLogFile(runId),
      signal: stop.signal,
      onStart: (identity) => {
        workers.set(identity.pid, identity);
        report();
      },
      onEnd: (identity) => {
        workers.delete(identity.pid);
        report();
      },
      onRestart: (role, how) => {
        log.warn({ runId, role, how }, 'a stream worker ended; it is started again');
      },
    }).catch((error: unknown) => {
      const failure = describeError(error);
      log.error({ runId, failure }, 'the stream is given up');
      const kept = findKeptStream(runId);
      try {
        if (kept?.since === since) keepStream(runId, { ...kept, failure });
      } catch (cause) {
        log.error({ runId, failure: describeError(cause) }, 'that it is given up cannot be written down');
      }
    });
    return { since, stop, ended };
  };

  const end = async (runId: string, stream: RunningStream) => {
    stream.stop.abort();
    await stream.ended;
    running.delete(runId);
  };

  while (!signal.aborted) {
    const wanted = keptStreams();
    for (const [runId, stream] of running) {
      if (wanted.get(runId)?.since !== stream.since) await end(runId, stream);
    }
    for (const [runId, stream] of wanted) {
      if (!running.has(runId) && stream.failure === undefined) running.set(runId, start(runId, stream));
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
  await Promise.all([...running].map(async ([runId, stream]) => await end(runId, stream)));
}

/** Whether any stream is kept that has not failed. */
export function hasKeptStreams(): boolean {
  return [...keptStreams().values()].some(({ failure }) => failure === undefined);
}
