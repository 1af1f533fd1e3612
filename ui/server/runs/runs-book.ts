/**
 * The runs that Temporal knows, by workflow: listed whole once, then those alone that run or have ended since. What each
 * running one is at is asked beside that, a few at once, as one that no worker answers for takes seconds.
 */
import type { Client } from '@temporalio/client';
import pLimit from 'p-limit';
import type { FoundRun } from '../../../runs/find-runs.ts';
import type { Progress } from '../../../schemas/progress.ts';
import { scheduleOfWorkflow } from '../../../schemas/schedules.ts';
import type { TemporalLink } from './temporal-link.ts';

const LIST_EVERY_MS = 900;
const ASK_EVERY_MS = 450;
const ASKED_AT_ONCE = 4;
const LIST_TIMEOUT_MS = 30_000;
/** Clocks of server and page may differ, and what has ended is listed a little later. */
const OVERLAP_MS = 120_000;
/** Progress of runs that have ended, which no longer changes. */
const MOST_ENDED_KEPT = 200;

interface Asked {
  progress: Progress | undefined;
  /** The execution that it is of. */
  readonly startedAt: number;
  asking: boolean;
  askedAt: number;
  final: boolean;
}

export class RunsBook {
  readonly #link: TemporalLink;
  readonly #runs = new Map<string, FoundRun>();
  readonly #asked = new Map<string, Asked>();
  readonly #limit = pLimit(ASKED_AT_ONCE);
  #client: Client | undefined;
  #listedAt = -Infinity;
  #listedUntil: number | undefined;
  #listing: Promise<void> | undefined;

  constructor(link: TemporalLink) {
    this.#link = link;
  }

  /** Newest first; as they were at most a second ago. Empty where nothing was ever started. */
  async runs(): Promise<readonly FoundRun[]> {
    if (performance.now() - this.#listedAt > LIST_EVERY_MS) {
      this.#listing ??= this.#list().finally(() => {
        this.#listing = undefined;
        this.#listedAt = performance.now();
      });
    }
    await this.#listing;
    return [...this.#runs.values()].sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
  }

  async find(workflowId: string): Promise<FoundRun | undefined> {
    await this.runs();
    return this.#runs.get(workflowId);
  }

  /** The next call of `runs` lists anew. */
  expire(): void {
    this.#listedAt = -Infinity;
  }

  /** What was last heard of it; asks again, without waiting for the answer. */
  progress(run: FoundRun): Progress | undefined {
    const startedAt = run.startedAt.getTime();
    let asked = this.#asked.get(run.workflowId);
    if (asked?.startedAt !== startedAt) {
      asked = { progress: undefined, startedAt, asking: false, askedAt: -Infinity, final: false };
      this.#asked.delete(run.workflowId);
      this.#asked.set(run.workflowId, asked);
      this.#forgetOld();
    }
    this.#ask(run, asked);
    return asked.progress;
  }

  #ask(run: FoundRun, asked: Asked): void {
    const client = this.#client;
    if (client === undefined || asked.asking || asked.final) return;
    if (performance.now() - asked.askedAt < ASK_EVERY_MS) return;
    asked.asking = true;
    void this.#limit(async () => {
      try {
        const { progressOf } = await import('../../../runs/follow.ts');
        asked.progress = await progressOf(client, [run.workflowId]);
        asked.final = run.state !== 'running' && asked.progress.stages.length > 0;
      } catch (error) {
        if (isServiceError(error)) this.#link.drop(error);
      } finally {
        asked.asking = false;
        asked.askedAt = performance.now();
      }
    });
  }

  #forgetOld(): void {
    for (const [workflowId, { final }] of this.#asked) {
      if (this.#asked.size <= MOST_ENDED_KEPT) return;
      if (final) this.#asked.delete(workflowId);
    }
  }

  async #list(): Promise<void> {
    const session = await this.#link.look();
    if (session === undefined) return;
    // Takes seconds where something has to be started.
    void this.#link.keepAlive().catch(() => undefined);
    if (session.client !== this.#client) {
      // Another connection may be one to another server.
      this.#client = session.client;
      this.#listedUntil = undefined;
    }
    const since = this.#listedUntil;
    const among =
      since === undefined
        ? undefined
        : `ExecutionStatus = 'Running' OR CloseTime > '${new Date(since - OVERLAP_MS).toISOString()}'`;
    const from = Date.now();
    try {
      const { listRuns } = await import('../../../runs/find-runs.ts');
      const { client } = session;
      const found = await client.connection.withDeadline(
        Date.now() + LIST_TIMEOUT_MS,
        async () => await listRuns(client, among),
      );
      if (since === undefined) this.#runs.clear();
      noteRuns(this.#runs, found);
      this.#listedUntil = from;
    } catch (error) {
      this.#link.drop(error);
      throw error;
    }
  }
}

/**
 * As `listRuns` has them: of executions with the same id, and of those of a schedule that have ended, the last.
 *
 * @param known by workflow; changed
 */
export function noteRuns(known: Map<string, FoundRun>, found: readonly FoundRun[]): void {
  for (const run of found) {
    const same = known.get(run.workflowId);
    if (same === undefined || same.startedAt <= run.startedAt) known.set(run.workflowId, run);
  }
  const last = new Map<string, FoundRun>();
  for (const run of known.values()) {
    const schedule = run.state === 'running' ? undefined : scheduleOfWorkflow(run.workflowId);
    if (schedule === undefined) continue;
    const other = last.get(schedule);
    const isLast = other === undefined || other.startedAt < run.startedAt;
    if (isLast) last.set(schedule, run);
    const older = isLast ? other : run;
    if (older !== undefined) known.delete(older.workflowId);
  }
}

/** By its name: the module is loaded with the connection only. */
function isServiceError(error: unknown): boolean {
  return error instanceof Error && error.name === 'ServiceError';
}
