import { randomUUID } from 'node:crypto';
import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { unwrapFailure } from '../../runs/follow.ts';
import { TASK_QUEUES } from '../../schemas/names.ts';
import type { Progress } from '../../schemas/progress.ts';
import {
  MESSAGES,
  WORKFLOWS,
  type RunExperimentInput,
  type RunExperimentOutput,
} from '../../schemas/workflows.ts';
import { withScriptedWorkers } from '../support/scripted-worker.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';
import { experimenting } from './scripts.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server.stop();
});

async function start(input: Partial<RunExperimentInput> = {}): Promise<WorkflowHandle> {
  const runId = `experiment-${randomUUID().slice(0, 8)}`;
  return await server.client.workflow.start(WORKFLOWS.runExperiment, {
    workflowId: runId,
    taskQueue: TASK_QUEUES.control,
    args: [{ storeUri: 'file:/nowhere', runId, heartbeatTimeoutMs: 3_000, ...input }],
  });
}

const progressOf = async (handle: WorkflowHandle) => await handle.query<Progress>(MESSAGES.progress);

describe('an experiment', () => {
  it('trains every cell once, some at a time, and ends with one result', async () => {
    const { script, done, noted, flight } = experimenting({
      ...{ methods: ['joint', 'mm', 'b-mm'], seeds: [0, 1, 2, 3], datasets: 2, trainMs: 30 },
    });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start();
      expect(await handle.result()).toEqual({
        ...{ report: 'report of 2 datasets', summary: 'summary.json', cells: 24, failed: 0 },
      } satisfies RunExperimentOutput);
      expect((await progressOf(handle)).stages.map(({ state, done: through }) => [state, through])).toEqual([
        ['done', 2],
        ['done', 24],
        ['done', 1],
      ]);
    });
    expect(new Set(done).size).toBe(24);
    expect(done).toHaveLength(24);
    expect(noted).toEqual([]);
    expect(flight.most).toBeLessThanOrEqual(8);
  });

  it('goes on when a cell fails or a dataset cannot be built, and says which and why', async () => {
    const { script, done, noted } = experimenting({
      ...{ methods: ['joint', 'b-mm'], seeds: [0, 1], datasets: 2 },
      ...{ fails: ['joint-1'], unbuilt: ['group-1'] },
    });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start();
      const output = (await handle.result()) as RunExperimentOutput;
      expect(output).toMatchObject({ report: 'report of 1 datasets', cells: 8, failed: 5 });
      expect((await progressOf(handle)).note).toBe('5 failed');
    });
    expect(done.sort()).toEqual(['group-0 b-mm-0', 'group-0 b-mm-1', 'group-0 joint-0']);
    expect(noted).toEqual(['group-1 there are no clips', 'group-0 joint 1 the loss became NaN']);
  });

  it('goes on in a new execution when its history grows, without training a cell twice', async () => {
    const { script, done } = experimenting({
      methods: ['joint', 'mm', 'b-mm'],
      seeds: [0, 1, 2, 3, 4, 5, 6, 7],
    });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start({ historyEvents: 120 });
      expect(await handle.result()).toMatchObject({ cells: 24, failed: 0 });
      const last = await server.client.workflow.getHandle(handle.workflowId).describe();
      expect(last.runId).not.toBe('firstExecutionRunId' in handle ? handle.firstExecutionRunId : '');
      expect(last.historyLength).toBeLessThan(400);
    });
    expect(done).toHaveLength(24);
    expect(new Set(done).size).toBe(24);
  });

  it('rests while it is paused, and cancelled waits for its trainings', async () => {
    const { script, done, noted, flight } = experimenting({
      ...{ methods: ['joint', 'b-mm'], seeds: [0, 1, 2, 3, 4, 5, 6, 7], trainMs: 20_000 },
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
    // A cancelled cell has not failed.
    expect([done, noted]).toEqual([[], []]);
  });
});
