/** What every workflow answers: the `progress` query and the signals `pause`, `resume` and `report`. */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  ContinueAsNew,
  TimeoutFailure,
  condition,
  defineQuery,
  defineSignal,
  isCancellation,
  patched,
  setHandler,
  type ChildWorkflowHandle,
  type Workflow,
} from '@temporalio/workflow';
import type { ErrorKind } from '../schemas/errors.ts';
import type { Progress, RunState } from '../schemas/progress.ts';
import { MESSAGES, type ProgressReport } from '../schemas/workflows.ts';
import type { StageBoard } from './stage-board.ts';

const GOES_ON_AFTER_LOSS = 'goes on when a worker dies while it stops for a pause';

export interface ControlOptions {
  readonly runId: string;
  readonly board: StageBoard;
  /** The stage that a reporting activity belongs to. */
  readonly stageOf: (key: string) => string | undefined;
  readonly paused?: boolean;
}

export class Control {
  readonly #options: ControlOptions;
  readonly #children = new Map<string, ChildWorkflowHandle<Workflow>>();
  readonly #interrupts = new Set<() => void>();
  #paused: boolean;
  #ended: RunState | undefined;
  #note: string | undefined;

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#paused = options.paused ?? false;
    setHandler(defineQuery<Progress>(MESSAGES.progress), () => this.progress());
    setHandler(defineSignal(MESSAGES.pause), () => this.#pause());
    setHandler(defineSignal(MESSAGES.resume), () => this.#resume());
    setHandler(defineSignal<[ProgressReport]>(MESSAGES.report), ({ key, progress }) => {
      const label = options.stageOf(key);
      if (label !== undefined) options.board.report(label, key, progress);
    });
  }

  get paused(): boolean {
    return this.#paused;
  }

  set note(note: string | undefined) {
    this.#note = note;
  }

  /** Resolves at once unless paused. */
  async untilResumed(): Promise<void> {
    await condition(() => !this.#paused);
  }

  /**
   * Work that a pause stops (by cancelling it) and that goes on where it stopped when called again.
   *
   * @param work called again after each pause
   */
  async interruptible<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      await this.untilResumed();
      const scope = new CancellationScope();
      const asked = { interrupted: false };
      const interrupt = () => {
        asked.interrupted = true;
        scope.cancel();
      };
      this.#interrupts.add(interrupt);
      try {
        return await scope.run(work);
      } catch (error) {
        const fromOutside = CancellationScope.current().consideredCancelled;
        if (!asked.interrupted || fromOutside) throw error;
        // Temporal tries nothing again that it has asked to stop.
        const isOver = isCancellation(error) || (isWorkerLost(error) && patched(GOES_ON_AFTER_LOSS));
        if (!isOver) throw error;
      } finally {
        this.#interrupts.delete(interrupt);
      }
    }
  }

  /** A child that is told of pause and resume until `forget`. */
  async adopt(child: ChildWorkflowHandle<Workflow>): Promise<void> {
    this.#children.set(child.workflowId, child);
    if (this.#paused) await this.#tellChildren(MESSAGES.pause);
  }

  forget(child: ChildWorkflowHandle<Workflow>): void {
    this.#children.delete(child.workflowId);
  }

  /** Runs the workflow's body and remembers how it ended, for queries that come afterwards. */
  async run<T>(body: () => Promise<T>): Promise<T> {
    try {
      const output = await body();
      this.#ended = 'completed';
      return output;
    } catch (error) {
      if (!(error instanceof ContinueAsNew)) this.#ended = isCancellation(error) ? 'cancelled' : 'failed';
      throw error;
    }
  }

  progress(): Progress {
    const state = this.#ended ?? (this.#paused ? 'paused' : 'running');
    return {
      runId: this.#options.runId,
      state,
      stages: this.#options.board.stages(state),
      children: [...this.#children.keys()],
      ...(this.#note === undefined ? {} : { note: this.#note }),
    };
  }

  async #pause(): Promise<void> {
    if (this.#paused) return;
    this.#paused = true;
    for (const interrupt of this.#interrupts) interrupt();
    await this.#tellChildren(MESSAGES.pause);
  }

  async #resume(): Promise<void> {
    if (!this.#paused) return;
    this.#paused = false;
    await this.#tellChildren(MESSAGES.resume);
  }

  async #tellChildren(signal: 'pause' | 'resume'): Promise<void> {
    // One that has just ended cannot be told, and need not be.
    await Promise.allSettled([...this.#children.values()].map(async (child) => child.signal(signal)));
  }
}

/** Of an activity whose worker died, or was silent for too long. */
function isWorkerLost(error: unknown): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  const { cause } = error;
  if (cause instanceof TimeoutFailure) return true;
  return cause instanceof ApplicationFailure && cause.type === ('transient' satisfies ErrorKind);
}
