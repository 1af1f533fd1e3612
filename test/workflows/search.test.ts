import { randomUUID } from 'node:crypto';
import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { unwrapFailure } from '../../runs/follow.ts';
import { TASK_QUEUES } from '../../schemas/names.ts';
import type { Progress } from '../../schemas/progress.ts';
import { MESSAGES, WORKFLOWS, type RunSearchInput, type RunSearchOutput } from '../../schemas/workflows.ts';
import { withScriptedWorkers } from '../support/scripted-worker.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';
import { searching } from './search-script.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server.stop();
});

async function start(input: Partial<RunSearchInput> = {}): Promise<WorkflowHandle> {
  const runId = `search-${randomUUID().slice(0, 8)}`;
  return await server.client.workflow.start(WORKFLOWS.runSearch, {
    workflowId: runId,
    taskQueue: TASK_QUEUES.control,
    args: [{ storeUri: 'file:/nowhere', runId, heartbeatTimeoutMs: 3_000, ...input }],
  });
}

const progressOf = async (handle: WorkflowHandle) => await handle.query<Progress>(MESSAGES.progress);

describe('a search', () => {
  it('trains each rung after the one before is through, some at a time, and evaluates nothing', async () => {
    const { script, done, planned, flight, noted } = searching({
      ...{ methods: ['joint', 'b-mm'], seeds: [0, 1], trials: [9, 3, 1], trainMs: 30 },
    });
    // `evaluate` is no part of the script: asked for, the search would never end.
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start();
      expect(await handle.result()).toEqual({
        ...{ report: 'report of clips', summary: 'summary.json', trainings: 52, failed: 0 },
      } satisfies RunSearchOutput);
      const { stages } = await progressOf(handle);
      expect(stages.map(({ state, done: through }) => [state, through])).toEqual([
        ['done', 1],
        ['done', 52],
        ['done', 1],
      ]);
    });
    expect(new Set(done).size).toBe(52);
    expect(done).toHaveLength(52);
    expect(done.map((one) => one.slice(0, 6))).toEqual([...done.map((one) => one.slice(0, 6))].sort());
    expect(planned).toEqual([0, 1, 2]);
    expect(noted).toEqual([]);
    expect(flight.most).toBeLessThanOrEqual(8);
  });

  it('goes on without the trials that fail, and says which and why', async () => {
    const { script, done, noted } = searching({
      ...{ methods: ['joint', 'b-mm'], seeds: [0], trials: [3, 1], fails: ['b-mm-1'] },
    });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start();
      expect(await handle.result()).toMatchObject({ trainings: 8, failed: 1 });
      expect((await progressOf(handle)).note).toBe('1 failed');
    });
    expect(noted).toEqual(['b-mm-1-s0: the loss became NaN']);
    expect(done.filter((one) => one.startsWith('rung 1')).sort()).toEqual([
      'rung 1: b-mm-2-s0',
      'rung 1: joint-1-s0',
    ]);
  });

  it('goes on in a new execution when its history grows, page by page, and trains nothing twice', async () => {
    const { script, done, pages, planned } = searching({
      ...{ methods: ['joint', 'mm', 'b-mm'], seeds: [0, 1], trials: [8, 4, 1] },
    });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start({ historyEvents: 120, trainingsPerPage: 10 });
      expect(await handle.result()).toMatchObject({ trainings: 78, failed: 0 });
      const last = await server.client.workflow.getHandle(handle.workflowId).describe();
      expect(last.runId).not.toBe('firstExecutionRunId' in handle ? handle.firstExecutionRunId : '');
      expect(last.historyLength).toBeLessThan(400);
    });
    expect(done).toHaveLength(78);
    expect(new Set(done).size).toBe(78);
    expect(Math.max(...pages)).toBe(10);
    expect(planned).toEqual([0, 1, 2]);
  });

  it('rests while it is paused, and cancelled waits for its trainings', async () => {
    const { script, done, noted, flight } = searching({
      ...{ methods: ['joint', 'b-mm'], seeds: [0], trials: [9, 3], trainMs: 20_000 },
    });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start();
      await vi.waitFor(() => expect(flight.now).toBe(8), { timeout: 60_000 });
      await handle.signal(MESSAGES.pause);
      await vi.waitFor(() => expect(flight.now).toBe(0), { timeout: 60_000 });
      expect((await progressOf(handle)).state).toBe('paused');
      await handle.signal(MESSAGES.resume);
      await vi.waitFor(() => expect(flight.now).toBe(8), { timeout: 60_000 });
      await handle.cancel();
      const error: unknown = await handle.result().catch((thrown: unknown) => thrown);
      expect(unwrapFailure(error as WorkflowFailedError).kind).toBe('cancelled');
      expect(flight.now).toBe(0);
    });
    // A cancelled trial has not failed.
    expect([done, noted]).toEqual([[], []]);
  });
});
