import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TASK_QUEUES } from '../../schemas/names.ts';
import type { Progress } from '../../schemas/progress.ts';
import { MESSAGES, WORKFLOWS, type StreamRetrainInput } from '../../schemas/workflows.ts';
import { withScriptedWorkers } from '../support/scripted-worker.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';
import { retraining } from './scripts.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server.stop();
});

async function start(input: Partial<StreamRetrainInput> = {}): Promise<WorkflowHandle> {
  const runId = `run-${randomUUID().slice(0, 8)}`;
  const run = { storeUri: 'file:/nowhere', runId, heartbeatTimeoutMs: 3_000 };
  return await server.client.workflow.start(WORKFLOWS.streamRetrain, {
    workflowId: `${runId}/retrain`,
    taskQueue: TASK_QUEUES.control,
    args: [{ ...run, methods: ['b-mm'], seeds: [0], model: 'm', ...input } satisfies StreamRetrainInput],
  });
}

const within = { timeout: 60_000, interval: 50 };

async function cancelled(handle: WorkflowHandle): Promise<void> {
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow();
}

describe('a retraining', () => {
  it('makes the first model by the main job, then waits for clips', async () => {
    const { script, seen } = retraining({ hasModel: false, windows: 0 });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start();
      await vi.waitFor(() => expect(seen).toContain('await 1'), within);
      expect(seen).toEqual(['plan', 'train', 'open model clips v1', 'await 1']);
      await cancelled(handle);
    });
  });

  it('learns windows that close while another is being learned, in order, each once', async () => {
    const { script, learned, gate } = retraining({ windows: 4, holdFirst: true });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start();
      await vi.waitFor(async () => {
        const { note } = await handle.query<Progress>(MESSAGES.progress);
        expect(note).toBe('window 1 is being learned, 3 more wait, window 5 is open, 0 done');
      }, within);
      expect(learned).toEqual([]);
      gate.open();
      await vi.waitFor(() => expect(learned).toEqual([1, 2, 3, 4]), within);
      await sleep(300);
      expect(learned).toEqual([1, 2, 3, 4]);
      await cancelled(handle);
    });
  });

  it('goes on in a new execution when its history grows, and no window is dropped or done twice', async () => {
    const { script, learned } = retraining({ windows: 12 });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start({ historyEvents: 60 });
      await vi.waitFor(() => expect(learned).toHaveLength(12), within);
      expect(learned).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
      const { runId } = await server.client.workflow.getHandle(handle.workflowId).describe();
      expect(runId).not.toBe('firstExecutionRunId' in handle ? handle.firstExecutionRunId : '');
      await cancelled(server.client.workflow.getHandle(handle.workflowId));
    });
  });

  it('takes up windows that were closed and not done with when it starts', async () => {
    const { script, learned } = retraining({ windows: 3, closedBefore: 3, doneBefore: 1 });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start();
      await vi.waitFor(() => expect(learned).toEqual([2, 3]), within);
      await cancelled(handle);
    });
  });

  it('closes the open window when it is asked to', async () => {
    const { script, learned, seen } = retraining({ windows: 0, closesWhenAsked: true });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start();
      await vi.waitFor(() => expect(seen).toContain('await 1'), within);
      await handle.signal(MESSAGES.closeWindow);
      await vi.waitFor(() => expect(learned).toEqual([1]), within);
      expect(seen).toContain('await 1 now');
      await cancelled(handle);
    });
  });

  it('compares again when somebody moves the current model meanwhile', async () => {
    const { script, learned, seen } = retraining({ windows: 1, movedTo: 7 });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start();
      await vi.waitFor(() => expect(learned).toEqual([1]), within);
      expect(seen.filter((step) => step.startsWith('compare'))).toEqual(['compare with 1', 'compare with 7']);
      await cancelled(handle);
    });
  });

  it('trains nothing for a window without training clips, and decides about it all the same', async () => {
    const { script, learned, seen } = retraining({ windows: 1, newTrainClips: 0 });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start();
      await vi.waitFor(() => expect(learned).toEqual([1]), within);
      expect(seen.filter((step) => /^(?:fine-tune|compare)/u.test(step))).toEqual([]);
      await cancelled(handle);
    });
  });

  it('lets a fine-tuning rest while it is paused, and goes on with it', async () => {
    const { script, learned, seen } = retraining({ windows: 1, fineTuneMs: 4_000 });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start();
      await vi.waitFor(() => expect(seen).toContain('fine-tune 1'), within);
      await handle.signal(MESSAGES.pause);
      await vi.waitFor(() => expect(seen).toContain('fine-tune 1 stopped'), within);
      await sleep(500);
      expect(learned).toEqual([]);
      await handle.signal(MESSAGES.resume);
      await vi.waitFor(() => expect(learned).toEqual([1]), within);
      expect(seen.filter((step) => step === 'fine-tune 1')).toHaveLength(2);
      await cancelled(handle);
    });
  });
});
