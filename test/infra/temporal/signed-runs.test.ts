/** What a real server's workers do with work that somebody without their key asks for. */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unwrapFailure } from '../../../runs/follow.ts';
import { keyOf } from '../../../infra/temporal/keys.ts';
import { dataConverterOf, sealingInterceptor, type Protection } from '../../../infra/temporal/protection.ts';
import { workflowBundle } from '../../../infra/workers/workflow-bundle.ts';
import type { ModalmixError } from '../../../schemas/errors.ts';
import { TASK_QUEUES } from '../../../schemas/names.ts';
import type { Progress } from '../../../schemas/progress.ts';
import { MESSAGES, WORKFLOWS } from '../../../schemas/workflows.ts';
import { withScriptedWorkers } from '../../support/scripted-worker.ts';
import { startTestServer, type TestServer } from '../../support/temporal.ts';
import { dataset } from '../../workflows/scripts.ts';

const FOREIGN = { storeUri: 'file:/home/somebody/else', runId: 'foreign' };
const OWN = { storeUri: 'file:/home/owner/store', runId: 'own' };
const REFUSED = 'refused, and nothing was read';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server.stop();
});

const key = keyOf(randomBytes(32));
const signed: Protection = { namespace: 'default', signing: () => [key] };
const unsigned: Protection = { namespace: 'default' };

function clientOf(protection: Protection): Client {
  return new Client({
    connection: server.client.connection,
    dataConverter: dataConverterOf(protection),
    interceptors: { workflow: [sealingInterceptor(protection)] },
  });
}

let number = 0;
const newId = () => `run-${String((number += 1))}`;

async function rebuild(
  client: Client,
  workflowId: string,
  input: object,
  taskQueue: string = TASK_QUEUES.control,
) {
  return await client.workflow.start(WORKFLOWS.rebuildDataset, { workflowId, taskQueue, args: [input] });
}

/** What the worker's activities were given. */
function noting(extract: () => Promise<void> = async () => undefined) {
  const stores: string[] = [];
  const script = dataset(2, extract);
  const planDataset = async ({ storeUri }: { readonly storeUri: string }) => {
    stores.push(storeUri);
    return await script.planDataset();
  };
  return { stores, script: { ...script, planDataset } };
}

async function failureOf(handle: { result(): Promise<unknown> }): Promise<ModalmixError> {
  const error = await handle.result().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof WorkflowFailedError)) throw new Error(`it did not fail: ${String(error)}`);
  return unwrapFailure(error);
}

/** @returns the id of the first activity that extracts */
async function extracting(handle: WorkflowHandle): Promise<string> {
  for (;;) {
    const { raw } = await handle.describe();
    const activity = raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'extractShard');
    if (activity?.activityId !== null && activity?.activityId !== undefined) return activity.activityId;
    await sleep(50);
  }
}

async function withOwnWorkers<T>(
  { script }: ReturnType<typeof noting>,
  body: (owner: Client) => Promise<T>,
  protection = signed,
): Promise<T> {
  return await withScriptedWorkers(
    server.address,
    script,
    async () => await body(clientOf(protection)),
    undefined,
    protection,
  );
}

describe('work that is asked for without the key', () => {
  it('is done where runs are not signed: on a server of one’s own without a key', async () => {
    const noted = noting();
    await withOwnWorkers(
      noted,
      async () => {
        await (await rebuild(server.client, newId(), FOREIGN)).result();
      },
      unsigned,
    );
    expect(noted.stores).toEqual([FOREIGN.storeUri]);
  });

  it('is refused in one sentence before anything is read, while the owner’s own is done', async () => {
    const noted = noting();
    await withOwnWorkers(noted, async (owner) => {
      const mine = await rebuild(owner, newId(), OWN);
      expect(await mine.result()).toMatchObject({ shardsBuilt: 2 });
      for (const type of [WORKFLOWS.rebuildDataset, WORKFLOWS.rebuildAndTrain, WORKFLOWS.runExperiment]) {
        const handle = await server.client.workflow.start(type, {
          workflowId: newId(),
          taskQueue: TASK_QUEUES.control,
          args: [{ ...FOREIGN, methods: ['joint'], seeds: [0] }],
        });
        const { kind, message, fix } = await failureOf(handle);
        expect(message).toBe(
          `the run was ${REFUSED}: it is not signed: it was not asked for by a command that has the key of these workers`,
        );
        expect(kind).toBe('config');
        expect(fix).toContain('docs/access.md');
      }
    });
    expect(noted.stores).toEqual([OWN.storeUri]);
  });

  it('is refused over HTTP as plain text from a page of another origin', async () => {
    const noted = noting();
    const workflowId = newId();
    await withOwnWorkers(noted, async () => {
      const answer = await fetch(`${server.httpAddress}/api/v1/namespaces/default/workflows/${workflowId}`, {
        method: 'POST',
        headers: { 'Content-Type': 'text/plain', Origin: 'https://elsewhere.example' },
        body: JSON.stringify({
          workflowType: { name: WORKFLOWS.rebuildAndTrain },
          taskQueue: { name: TASK_QUEUES.control },
          input: [{ ...FOREIGN, methods: ['joint'], seeds: [0] }],
        }),
      });
      // The server itself takes it: what follows is the worker's word.
      expect(answer.status).toBe(200);
      expect((await failureOf(server.client.workflow.getHandle(workflowId))).message).toContain(REFUSED);
    });
    expect(noted.stores).toEqual([]);
  });

  it('is refused where a worker of a stranger’s schedules our activities', async () => {
    const noted = noting();
    await withOwnWorkers(noted, async () => {
      const codePath = await workflowBundle(tmpdir(), new DefaultLogger('ERROR'));
      const connection = await NativeConnection.connect({ address: server.address });
      const taskQueue = 'of a stranger';
      const theirs = await Worker.create({ connection, taskQueue, workflowBundle: { codePath } });
      const failure = await theirs.runUntil(
        async () => await failureOf(await rebuild(server.client, newId(), FOREIGN, taskQueue)),
      );
      await connection.close();
      expect(failure.message).toContain(REFUSED);
    });
    expect(noted.stores).toEqual([]);
  });

  it('is refused where what the owner has signed is used for something else', async () => {
    const noted = noting();
    await withOwnWorkers(noted, async (owner) => {
      const mine = await rebuild(owner, newId(), OWN);
      await mine.result();
      const { events } = await mine.fetchHistory();
      const input = events?.[0]?.workflowExecutionStartedEventAttributes?.input ?? {};
      const asIs = async (workflowId: string, name: string) => {
        await server.client.workflowService.startWorkflowExecution({
          ...{ namespace: 'default', workflowId, requestId: newId(), input },
          workflowType: { name },
          taskQueue: { name: TASK_QUEUES.control },
        });
        return await failureOf(server.client.workflow.getHandle(workflowId));
      };
      expect((await asIs(newId(), WORKFLOWS.rebuildDataset)).message).toContain('its signature is wrong');
      expect((await asIs(mine.workflowId, WORKFLOWS.trainModel)).message).toContain('its signature is wrong');
    });
    expect(noted.stores).toEqual([OWN.storeUri]);
  });

  it('stops no run by signals, and gives it no results', async () => {
    const noted = noting(async () => {
      await sleep(1_000);
    });
    await withOwnWorkers(noted, async (owner) => {
      const mine = await rebuild(owner, newId(), OWN);
      const theirs = server.client.workflow.getHandle(mine.workflowId);
      await theirs.signal(MESSAGES.pause);
      await theirs.signal(MESSAGES.report, { key: 'index', progress: { done: 1, total: 1 } });
      await sleep(300);
      expect((await mine.query<Progress>(MESSAGES.progress)).state).toBe('running');
      expect(await mine.result()).toMatchObject({ shardsBuilt: 2 });

      const paused = await rebuild(owner, newId(), OWN);
      await paused.signal(MESSAGES.pause);
      await server.client.workflow.getHandle(paused.workflowId).signal(MESSAGES.resume);
      await sleep(300);
      expect((await paused.query<Progress>(MESSAGES.progress)).state).toBe('paused');
      await paused.signal(MESSAGES.resume);
      await paused.result();
    });

    const answered = noting(async () => {
      await sleep(4_000);
    });
    await withOwnWorkers(answered, async (owner) => {
      const mine = await rebuild(owner, newId(), OWN);
      const activityId = await extracting(mine);
      await server.client.activity.complete(
        {
          workflowId: mine.workflowId,
          runId: mine.firstExecutionRunId,
          activityId,
        },
        { clips: 1, quarantined: 0 },
      );
      expect((await failureOf(mine)).message).toContain(`a result was ${REFUSED}`);
    });
  });
});

describe('a run that an earlier version has begun', () => {
  it('goes on when runs begin to be signed, and what is asked for unsigned afterwards does not', async () => {
    const workflowId = newId();
    await server.client.workflow.start(WORKFLOWS.rebuildDataset, {
      workflowId,
      taskQueue: TASK_QUEUES.control,
      args: [OWN],
    });
    await sleep(50);
    const since = Date.now();
    const noted = noting();
    await withOwnWorkers(
      noted,
      async (owner) => {
        expect(await owner.workflow.getHandle(workflowId).result()).toMatchObject({ shardsBuilt: 2 });
        const late = await rebuild(server.client, newId(), FOREIGN);
        expect((await failureOf(late)).message).toContain(REFUSED);
      },
      { ...signed, since },
    );
    expect(noted.stores).toEqual([OWN.storeUri]);
  });
});
