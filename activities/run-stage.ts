/**
 * What every activity has around its stage: heartbeats while it works, progress told to its workflow,
 * cancellation as an abort signal, errors by kind.
 */
import { Context } from '@temporalio/activity';
import type { ActivityProgress } from '../schemas/progress.ts';
import { MESSAGES, type ProgressReport } from '../schemas/workflows.ts';
import { toFailure } from './failures.ts';

const HEARTBEAT_MS = 2_000;
/** Progress signals come at most this often, and ever more rarely as the work goes on: a history is finite. */
const SIGNAL_MIN_MS = 1_000;
const SIGNAL_SHARE_OF_ELAPSED = 0.01;

export interface StageContext {
  /** Aborted when the workflow cancels, the worker shuts down or the server has given the work to another. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ActivityProgress) => void;
}

/**
 * @param signalMinMs progress is told at most so often, and first after so long; default: at once, then each second
 * @param key what the workflow knows this activity by (`progressKeys`)
 * @throws ApplicationFailure whose type is the error's kind; CancelledFailure when cancelled
 */
export async function runStage<T>(
  key: string,
  stage: (context: StageContext) => Promise<T>,
  signalMinMs?: number,
): Promise<T> {
  const context = Context.current();
  const teller = new ProgressTeller(context, key, signalMinMs);
  const timer = setInterval(() => {
    context.heartbeat(teller.latest);
  }, HEARTBEAT_MS);
  context.heartbeat();
  try {
    return await stage({
      signal: context.cancellationSignal,
      onProgress: (progress) => {
        teller.tell(progress);
      },
    });
  } catch (error) {
    throw toFailure(error, context.cancellationDetails, context.info.attempt);
  } finally {
    clearInterval(timer);
    await teller.settled();
  }
}

class ProgressTeller {
  latest: ActivityProgress | undefined;
  readonly #context: Context;
  readonly #key: string;
  readonly #minMs: number;
  readonly #startedMs = performance.now();
  #toldMs: number;
  #sending: Promise<void> | undefined;

  constructor(context: Context, key: string, minMs: number | undefined) {
    this.#context = context;
    this.#key = key;
    this.#minMs = minMs ?? SIGNAL_MIN_MS;
    this.#toldMs = minMs === undefined ? -Infinity : this.#startedMs;
  }

  tell(progress: ActivityProgress): void {
    this.latest = progress;
    const nowMs = performance.now();
    const intervalMs = Math.max(this.#minMs, SIGNAL_SHARE_OF_ELAPSED * (nowMs - this.#startedMs));
    if (this.#sending !== undefined || nowMs - this.#toldMs < intervalMs) return;
    this.#toldMs = nowMs;
    this.#sending = this.#send({ key: this.#key, progress }).finally(() => {
      this.#sending = undefined;
    });
  }

  /** A signal must not arrive after the activity's result. */
  async settled(): Promise<void> {
    await this.#sending;
  }

  async #send(report: ProgressReport): Promise<void> {
    const { client, info } = this.#context;
    const { workflowExecution } = info;
    if (workflowExecution === undefined) return;
    try {
      await client.workflow.getHandle(workflowExecution.workflowId).signal(MESSAGES.report, report);
    } catch {
      // Progress is a courtesy: a server that is away for a moment must not fail the work.
    }
  }
}
