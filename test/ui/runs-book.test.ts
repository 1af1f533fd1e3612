/** Listing what is new since the last time shows the rows that listing all shows. */
import { expect, it } from 'vitest';
import type { FoundRun } from '../../runs/find-runs.ts';
import { WORKFLOWS } from '../../schemas/workflows.ts';
import { noteRuns } from '../../ui/server/runs/runs-book.ts';

const at = (day: number) => new Date(Date.UTC(2026, 0, day));
const run = (workflowId: string, day: number, state = 'completed'): FoundRun => ({
  ...{ runId: 'nightly', workflowId, storeUri: undefined, type: WORKFLOWS.rebuildAndTrain },
  ...{ state, startedAt: at(day), closedAt: state === 'running' ? undefined : at(day) },
});
const fired = (day: number, state?: string) =>
  run(`nightly/scheduled/rebuild-2026-01-0${String(day)}T00:00:00Z`, day, state);

it('keeps of a schedule the last one that has ended and those that run, and all else', () => {
  const known = new Map<string, FoundRun>();
  const shown = () =>
    [...known.values()].map(({ startedAt, state }) => `${String(startedAt.getUTCDate())} ${state}`);
  noteRuns(known, [run('nightly/run', 1), fired(2), fired(3, 'running')]);
  expect(shown()).toEqual(['1 completed', '2 completed', '3 running']);
  noteRuns(known, [fired(3, 'failed'), fired(4, 'running')]);
  expect(shown()).toEqual(['1 completed', '3 failed', '4 running']);
  // Found again, as it ended within the overlap.
  noteRuns(known, [fired(2), fired(4)]);
  expect(shown()).toEqual(['1 completed', '4 completed']);
  noteRuns(known, [run('nightly/run', 9, 'running'), run('nightly/run', 1)]);
  expect(shown()).toEqual(['9 running', '4 completed']);
});
