/** What a workflow knows of its own progress: the stages in order, and what its running activities report. */
import {
  stageLabel,
  type ActivityProgress,
  type RunState,
  type Stage,
  type StageProgress,
} from '../schemas/progress.ts';
import type { MethodName } from '../schemas/config/methods.ts';

export interface StageSeed {
  readonly stage: Stage;
  readonly unit: StageProgress['unit'];
  readonly training?: { readonly method: MethodName; readonly seed: number };
}

interface Row {
  readonly seed: StageSeed;
  readonly label: string;
  state: StageProgress['state'];
  /** Of finished activities. */
  done: number;
  total: number;
  reused: number;
  /** Of running ones. */
  readonly running: Map<string, ActivityProgress>;
}

/** One row a stage; a stage is the work of one activity or of many side by side. */
export class StageBoard {
  readonly #rows: Row[];

  constructor(seeds: readonly StageSeed[]) {
    this.#rows = seeds.map(pendingRow);
  }

  /** Stages that turned out to be needed before all others. */
  prepend(seeds: readonly StageSeed[]): void {
    this.#rows.unshift(...seeds.map(pendingRow));
  }

  /** A stage that is done again and again begins anew. */
  reset(label: string): void {
    const row = this.#row(label);
    row.running.clear();
    Object.assign(row, { state: 'pending', done: 0, total: 0, reused: 0 });
  }

  /** @param total known before the activities tell; else theirs count */
  start(label: string, total = 0, reused = 0): void {
    const row = this.#row(label);
    row.state = 'running';
    row.total = total;
    row.reused = reused;
    row.done = reused;
  }

  /** One activity of a stage is through with `done` units. */
  advance(label: string, key: string, done: number): void {
    const row = this.#row(label);
    row.running.delete(key);
    row.done += done;
  }

  finish(label: string, done?: number): void {
    const row = this.#row(label);
    const last = [...row.running.values()].at(-1);
    row.state = 'done';
    row.running.clear();
    row.done = done ?? Math.max(row.total, last?.total ?? 0, row.done);
    row.total = row.done;
  }

  /** An activity that failed or was interrupted starts again from what it tells next. */
  forget(label: string, key: string): void {
    this.#row(label).running.delete(key);
  }

  report(label: string, key: string, progress: ActivityProgress): void {
    const row = this.#row(label);
    if (row.state === 'running') row.running.set(key, progress);
  }

  stages(state: RunState): StageProgress[] {
    return this.#rows.map((row) => describeRow(row, state));
  }

  #row(label: string): Row {
    const row = this.#rows.find((candidate) => candidate.label === label);
    if (row === undefined) throw new Error(`no stage "${label}"`);
    return row;
  }
}

function pendingRow(seed: StageSeed): Row {
  const label = stageLabel(seed.stage, seed.training);
  return { seed, label, state: 'pending', done: 0, total: 0, reused: 0, running: new Map() };
}

function describeRow(row: Row, state: RunState): StageProgress {
  const running = [...row.running.values()];
  const told = row.done + sum(running.map((progress) => progress.done));
  const total = row.total > 0 ? row.total : sum(running.map((progress) => progress.total));
  // A rewritten shard tells of the rows that it takes over too.
  const done = Math.min(told, total);
  const rate = state === 'paused' ? 0 : sum(running.map((progress) => progress.ratePerS ?? 0));
  const only = running.length === 1 ? running[0] : undefined;
  const etaS =
    only?.etaS !== undefined && row.total === 0 ? only.etaS : rate > 0 ? (total - done) / rate : undefined;
  const active = row.state === 'running' && state === 'running';
  return {
    stage: row.seed.stage,
    label: row.label,
    state: row.state,
    done,
    total,
    unit: row.seed.unit,
    ...(row.reused > 0 ? { reused: row.reused } : {}),
    ...(active && rate > 0 ? { ratePerS: rate } : {}),
    ...(active && etaS !== undefined ? { etaS } : {}),
    ...(only?.loss === undefined ? {} : { loss: only.loss }),
    ...(only?.epoch === undefined ? {} : { epoch: only.epoch }),
    ...(only?.epochs === undefined ? {} : { epochs: only.epochs }),
    ...(only?.note === undefined ? {} : { note: only.note }),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
