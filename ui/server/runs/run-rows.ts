/** Runs as lines of a page: chosen, counted, and put into words. Pure. */
import { z } from 'zod';
import type { FoundRun } from '../../../runs/find-runs.ts';
import type { Progress } from '../../../schemas/progress.ts';
import { WORKFLOWS } from '../../../schemas/workflows.ts';
import type { RunKind, RunLine, RunState } from '../../wire.ts';

export const PAGE_ROWS = 50;

export const runsQuerySchema = z.object({
  q: z.string().max(200).default(''),
  state: z.enum(['all', 'active', 'completed', 'failed', 'cancelled']).default('all'),
  kind: z.enum(['all', 'run', 'experiment', 'search', 'retraining', 'other']).default('all'),
  page: z.int().nonnegative().default(0),
});
export type RunsQuery = z.infer<typeof runsQuerySchema>;

const KINDS: Readonly<Record<string, RunKind>> = {
  [WORKFLOWS.rebuildAndTrain]: 'run',
  [WORKFLOWS.runExperiment]: 'experiment',
  [WORKFLOWS.runSearch]: 'search',
  [WORKFLOWS.streamRetrain]: 'retraining',
};

export function kindOf({ type }: Pick<FoundRun, 'type'>): RunKind {
  return KINDS[type] ?? 'other';
}

/** A query's words are looked for in the id, whatever their case. */
export function matches(run: FoundRun, { q, state, kind }: RunsQuery): boolean {
  if (kind !== 'all' && kindOf(run) !== kind) return false;
  if (state === 'active' ? run.state !== 'running' : state !== 'all' && endState(run.state) !== state)
    return false;
  const text = `${run.workflowId} ${run.type}`.toLowerCase();
  return q
    .toLowerCase()
    .split(/\s+/u)
    .every((word) => text.includes(word));
}

/** @param progress what was last heard of it; a run that has ended is what Temporal says it is */
export function runLine(run: FoundRun, progress: Progress | undefined): RunLine {
  const { workflowId, runId, type, startedAt, closedAt } = run;
  const isOpen = run.state === 'running';
  const running = progress?.stages.filter(({ state }) => state === 'running') ?? [];
  const last = running.at(-1);
  const left = running.flatMap(({ etaS }) => (etaS === undefined ? [] : [etaS]));
  return {
    ...{ workflowId, runId, type, kind: kindOf(run) },
    state: isOpen && progress?.state === 'paused' ? 'paused' : endState(run.state),
    startedAt: startedAt.getTime(),
    ...(closedAt === undefined ? {} : { closedAt: closedAt.getTime() }),
    stages: isOpen ? (progress?.stages ?? []) : [],
    ...(last?.ratePerS === undefined ? {} : { rate: `${significant(last.ratePerS)} ${last.unit}/s` }),
    ...(left.length === 0 ? {} : { etaS: Math.round(Math.max(...left)) }),
    ...(isOpen && progress?.note !== undefined ? { note: progress.note } : {}),
  };
}

export function endState(state: string): RunState {
  switch (state) {
    case 'running':
    case 'completed':
    case 'cancelled':
      return state;
    case 'continued_as_new':
      return 'running';
    default:
      return 'failed';
  }
}

function significant(rate: number): string {
  return rate >= 100 ? rate.toFixed(0) : String(Number(rate.toPrecision(2)));
}
