import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runStage } from '../../activities/run-stage.ts';
import { unwrapFailure } from '../../runs/follow.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { TASK_QUEUES } from '../../schemas/names.ts';
import type { Progress } from '../../schemas/progress.ts';
import {
  MESSAGES,
  WORKFLOWS,
  progressKeys,
  workflowIds,
  type ListShardsInput,
  type RebuildAndTrainInput,
  type RebuildAndTrainOutput,
  type RebuildDatasetInput,
  type RebuildDatasetOutput,
  type RunReference,
  type TrainModelInput,
  type TrainModelOutput,
} from '../../schemas/workflows.ts';
import { withScriptedWorkers, type ScriptedActivities } from '../support/scripted-worker.ts';
import { DATASET, TRAINING, dataset, pagedDataset, resumableTraining } from './scripts.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server.stop();
});

async function start<Input extends RunReference>(
  type: (typeof WORKFLOWS)[keyof typeof WORKFLOWS],
  input: Omit<Input, 'storeUri' | 'runId'>,
): Promise<WorkflowHandle> {
  const runId = `run-${randomUUID().slice(0, 8)}`;
  return await server.client.workflow.start(type, {
    workflowId: runId,
    taskQueue: TASK_QUEUES.control,
    args: [{ storeUri: 'file:/nowhere', runId, heartbeatTimeoutMs: 3_000, ...input }],
  });
}

const progressOf = async (handle: WorkflowHandle) => await handle.query<Progress>(MESSAGES.progress);

async function untilState(handle: WorkflowHandle, state: Progress['state']): Promise<void> {
  await vi.waitFor(async () => expect((await progressOf(handle)).state).toBe(state), {
    timeout: 60_000,
    interval: 50,
  });
}

describe('a run that waits for a training which somebody started by itself', () => {
  it('goes on when that is done; waiting adds nothing to its history, however long it takes', async () => {
    const { checkpoint, script } = resumableTraining(1_000_000);
    await withScriptedWorkers(server.address, script, async () => {
      const runId = `run-${randomUUID().slice(0, 8)}`;
      const reference = { storeUri: 'file:/nowhere', runId, heartbeatTimeoutMs: 3_000 };
      const seeds = [0, 1, 2];
      for (const seed of seeds) {
        await server.client.workflow.start(WORKFLOWS.trainModel, {
          workflowId: workflowIds.train(runId, 'b-mm', seed),
          taskQueue: TASK_QUEUES.control,
          args: [{ ...reference, ...TRAINING, seed }],
        });
      }
      const run = await server.client.workflow.start(WORKFLOWS.rebuildAndTrain, {
        workflowId: runId,
        taskQueue: TASK_QUEUES.control,
        args: [{ ...reference, methods: ['b-mm'], seeds }],
      });
      const note = async () => (await progressOf(run)).note;
      await vi.waitFor(async () => expect(await note()).toContain('was started by itself'), {
        ...{ timeout: 200_000, interval: 50 },
      });
      const events = async () => (await run.describe()).historyLength;
      // All three wait.
      await sleep(3_000);
      const before = await events();
      await sleep(12_000);
      expect((await events()) - before).toBe(0);
      checkpoint.step = 1_000_000;
      expect(((await run.result()) as RebuildAndTrainOutput).trainingIds).toEqual([
        'b-mm-0',
        'b-mm-1',
        'b-mm-2',
      ]);
      expect(await events()).toBeLessThan(200);
    });
  });

  it('can be cancelled meanwhile', async () => {
    const { script } = resumableTraining(1_000_000);
    await withScriptedWorkers(server.address, script, async () => {
      const runId = `run-${randomUUID().slice(0, 8)}`;
      const reference = { storeUri: 'file:/nowhere', runId, heartbeatTimeoutMs: 3_000 };
      const other = await server.client.workflow.start(WORKFLOWS.trainModel, {
        workflowId: workflowIds.train(runId, 'b-mm', 0),
        taskQueue: TASK_QUEUES.control,
        args: [{ ...reference, ...TRAINING }],
      });
      const run = await server.client.workflow.start(WORKFLOWS.rebuildAndTrain, {
        workflowId: runId,
        taskQueue: TASK_QUEUES.control,
        args: [{ ...reference, methods: ['b-mm'], seeds: [0] }],
      });
      await vi.waitFor(async () => expect((await progressOf(run)).note).toContain('was started by itself'), {
        ...{ timeout: 200_000, interval: 50 },
      });
      await run.cancel();
      await expect(run.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      // Whoever started the other one has it still.
      expect((await other.describe()).status.name).toBe('RUNNING');
      await other.cancel();
      await expect(other.result()).rejects.toBeInstanceOf(WorkflowFailedError);
    });
  });
});

describe('a rebuild', () => {
  it('extracts every shard once, with no more than its window in flight, and then publishes', async () => {
    const seen: number[] = [];
    let now = 0;
    let most = 0;
    const script = dataset(60, async (shardIndex) => {
      seen.push(shardIndex);
      most = Math.max(most, ++now);
      await sleep(20);
      now -= 1;
    });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start<RebuildDatasetInput>(WORKFLOWS.rebuildDataset, {});
      expect(await handle.result()).toEqual({
        ...{ dataset: DATASET, shards: 60, shardsBuilt: 60, clips: 240, clipsReused: 0, quarantined: 0 },
      } satisfies RebuildDatasetOutput);
      expect((await progressOf(handle)).stages.map(({ state, done }) => [state, done])).toEqual([
        ['done', 240],
        ['done', 240],
        ['done', 1],
      ]);
    });
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, index) => index));
    expect(most).toBeLessThanOrEqual(32);
  });

  it('goes on in a new execution when its history grows, without doing a shard twice', async () => {
    const seen: number[] = [];
    const script = dataset(100, async (shardIndex) => {
      seen.push(shardIndex);
    });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start<RebuildDatasetInput>(WORKFLOWS.rebuildDataset, { historyEvents: 150 });
      const output = (await handle.result()) as RebuildDatasetOutput;
      expect(output.shardsBuilt).toBe(100);
      const last = await server.client.workflow.getHandle(handle.workflowId).describe();
      expect(last.runId).not.toBe('firstExecutionRunId' in handle ? handle.firstExecutionRunId : '');
    });
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  it('looks up the shards that its plan does not name, page by page, over several executions', async () => {
    const seen: number[] = [];
    const pages: [number, number][] = [];
    const paged = pagedDataset(150, 30, async (shardIndex) => {
      seen.push(shardIndex);
    });
    const script = {
      ...paged,
      listShards: async (input: ListShardsInput) => {
        pages.push([input.from, input.count]);
        return await paged.listShards(input);
      },
    };
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start<RebuildDatasetInput>(WORKFLOWS.rebuildDataset, {
        ...{ historyEvents: 300, shardsInFlight: 16, shardsPerPage: 50 },
      });
      expect(await handle.result()).toMatchObject({ shardsBuilt: 150, clips: 600 });
    });
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 150 }, (_, index) => index));
    expect(pages).toEqual([
      [0, 50],
      [50, 50],
      [100, 20],
    ]);
  });

  it('starts no shard while it is paused', async () => {
    let started = 0;
    const script = dataset(80, async () => {
      started += 1;
      await sleep(30);
    });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start<RebuildDatasetInput>(WORKFLOWS.rebuildDataset, {});
      await vi.waitFor(() => expect(started).toBeGreaterThan(5), { timeout: 60_000 });
      await handle.signal(MESSAGES.pause);
      await untilState(handle, 'paused');
      await sleep(500);
      const before = started;
      await sleep(500);
      expect(started).toBe(before);
      expect(before).toBeLessThan(80);
      await handle.signal(MESSAGES.resume);
      expect(((await handle.result()) as RebuildDatasetOutput).shardsBuilt).toBe(80);
    });
    expect(started).toBe(80);
  });

  it('shows the clips done within running shards, and their rate', async () => {
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const script = dataset(2, async (shardIndex) => {
      await runStage(progressKeys.shard(shardIndex), async ({ onProgress }) => {
        onProgress({ done: 3, total: 4, ratePerS: 1.5 });
        await finished;
      });
    });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start<RebuildDatasetInput>(WORKFLOWS.rebuildDataset, {});
      await vi.waitFor(
        async () => {
          const [, extract] = (await progressOf(handle)).stages;
          expect(extract).toMatchObject({ done: 6, total: 8, ratePerS: 3 });
          expect(extract?.etaS).toBeCloseTo(2 / 3);
        },
        { timeout: 60_000, interval: 100 },
      );
      finish();
      await handle.result();
    });
  });
});

describe('an error', () => {
  it('of bad input ends the run at once, with its words', async () => {
    let attempts = 0;
    const script = dataset(1, async () => {
      attempts += 1;
      await runStage(progressKeys.shard(0), async () => {
        throw new ModalmixError('input', 'the plan is torn', { where: 'plan.jsonl', fix: 'Rebuild.' });
      });
    });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start<RebuildDatasetInput>(WORKFLOWS.rebuildDataset, {});
      const error: unknown = await handle.result().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(WorkflowFailedError);
      expect(unwrapFailure(error as WorkflowFailedError)).toMatchObject({
        ...{ kind: 'input', message: 'the plan is torn', where: 'plan.jsonl', fix: 'Rebuild.' },
      });
      expect((await progressOf(handle)).state).toBe('failed');
    });
    expect(attempts).toBe(1);
  });

  it('that may pass is tried again', async () => {
    let attempts = 0;
    const script = dataset(1, async () => {
      attempts += 1;
      await runStage(progressKeys.shard(0), async () => {
        if (attempts < 2) throw new ModalmixError('transient', 'the disk is full');
      });
    });
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start<RebuildDatasetInput>(WORKFLOWS.rebuildDataset, {});
      await handle.result();
    });
    expect(attempts).toBe(2);
  });
});

describe('a training', () => {
  it('that is paused stops after a checkpoint, and resumed goes on from there', async () => {
    const { checkpoint, script } = resumableTraining(150);
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start<TrainModelInput>(WORKFLOWS.trainModel, TRAINING);
      await vi.waitFor(() => expect(checkpoint.step).toBeGreaterThan(10), { timeout: 60_000 });
      await handle.signal(MESSAGES.pause);
      await vi.waitFor(() => expect(checkpoint.stops).toBe(1), { timeout: 60_000 });
      await untilState(handle, 'paused');
      const stoppedAt = checkpoint.step;
      expect(stoppedAt).toBeLessThan(150);
      await handle.signal(MESSAGES.resume);
      expect(((await handle.result()) as TrainModelOutput).steps).toBe(150);
    });
    expect(checkpoint.starts).toBe(2);
  });

  it('whose worker dies while it stops for a pause goes on when it is resumed', async () => {
    let attempts = 0;
    const script = {
      train: async () => {
        attempts += 1;
        const { cancelled } = Context.current();
        const beat = setInterval(() => Context.current().heartbeat(), 100);
        if (attempts === 1) await cancelled.catch(() => undefined).finally(() => clearInterval(beat));
        clearInterval(beat);
        // As the supervisor says it of a worker that was killed.
        if (attempts === 1)
          throw ApplicationFailure.create({ message: 'its worker ended', type: 'transient' });
        return { trainingId: 't', steps: 1, epochs: 1, weightsSha256: 'ab' };
      },
    } satisfies Partial<ScriptedActivities>;
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start<TrainModelInput>(WORKFLOWS.trainModel, TRAINING);
      await vi.waitFor(() => expect(attempts).toBe(1), { timeout: 60_000 });
      await handle.signal(MESSAGES.pause);
      await untilState(handle, 'paused');
      await handle.signal(MESSAGES.resume);
      await handle.result();
    });
    expect(attempts).toBe(2);
  });

  it('that is cancelled is waited for, and ends as cancelled', async () => {
    const { checkpoint, script } = resumableTraining(10_000);
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start<TrainModelInput>(WORKFLOWS.trainModel, TRAINING);
      await vi.waitFor(() => expect(checkpoint.step).toBeGreaterThan(5), { timeout: 60_000 });
      await handle.cancel();
      const error: unknown = await handle.result().catch((thrown: unknown) => thrown);
      expect(checkpoint.stops).toBe(1);
      expect(unwrapFailure(error as WorkflowFailedError).kind).toBe('cancelled');
    });
    expect(checkpoint.starts).toBe(1);
  });

  it('whose activity stops answering is given to another worker', async () => {
    let attempts = 0;
    const script = {
      train: async () => {
        attempts += 1;
        Context.current().heartbeat();
        if (attempts === 1) await sleep(60_000, undefined, { signal: Context.current().cancellationSignal });
        return { trainingId: 't', steps: 1, epochs: 1, weightsSha256: 'ab' };
      },
    } satisfies Partial<ScriptedActivities>;
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start<TrainModelInput>(WORKFLOWS.trainModel, {
        ...TRAINING,
        heartbeatTimeoutMs: 1_000,
      });
      await handle.result();
    });
    expect(attempts).toBe(2);
  });
});

describe('the main job', () => {
  it('rebuilds, trains and evaluates each method with each seed, and reports', async () => {
    const { script } = resumableTraining(3);
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start<RebuildAndTrainInput>(WORKFLOWS.rebuildAndTrain, {
        methods: ['joint', 'b-mm'],
        seeds: [0, 1],
      });
      const output = (await handle.result()) as RebuildAndTrainOutput;
      expect(output.trainingIds).toEqual(['joint-0', 'joint-1', 'b-mm-0', 'b-mm-1']);
      const { state, stages } = await progressOf(handle);
      expect(state).toBe('completed');
      expect(stages).toHaveLength(12);
      expect(stages.filter((stage) => stage.state === 'done')).toHaveLength(12);
    });
  });

  it('tells its children of a pause, and waits for them when it is cancelled', async () => {
    const { checkpoint, script } = resumableTraining(10_000);
    await withScriptedWorkers(server.address, script, async () => {
      const handle = await start<RebuildAndTrainInput>(WORKFLOWS.rebuildAndTrain, {
        methods: ['b-mm'],
        seeds: [0],
      });
      await vi.waitFor(() => expect(checkpoint.step).toBeGreaterThan(5), { timeout: 60_000 });
      expect((await progressOf(handle)).children).toEqual([`${handle.workflowId}/train/b-mm-s0`]);
      await handle.signal(MESSAGES.pause);
      await vi.waitFor(() => expect(checkpoint.stops).toBe(1), { timeout: 60_000 });
      await handle.signal(MESSAGES.resume);
      await vi.waitFor(() => expect(checkpoint.starts).toBe(2), { timeout: 60_000 });
      await handle.cancel();
      const error: unknown = await handle.result().catch((thrown: unknown) => thrown);
      expect(unwrapFailure(error as WorkflowFailedError).kind).toBe('cancelled');
      expect(checkpoint.stops).toBe(2);
    });
  });
});
