/** What a real server keeps of a run whose payloads are encrypted. */
import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, WorkflowFailedError } from '@temporalio/client';
import { DefaultLogger, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { follow, progressOf, unwrapFailure } from '../../../runs/follow.ts';
import { listRuns } from '../../../runs/find-runs.ts';
import { startOrJoin } from '../../../runs/run-workflows.ts';
import { keyOf, type Key } from '../../../infra/temporal/keys.ts';
import { dataConverterOf, sealingInterceptor, type Protection } from '../../../infra/temporal/protection.ts';
import { workflowBundle } from '../../../infra/workers/workflow-bundle.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { WORKFLOWS } from '../../../schemas/workflows.ts';
import { runStage } from '../../../activities/run-stage.ts';
import { withScriptedWorkers, type ScriptedActivities } from '../../support/scripted-worker.ts';
import { startTestServer, type TestServer } from '../../support/temporal.ts';
import { dataset } from '../../workflows/scripts.ts';

/** Words that only payloads and failures hold. */
const STORE = 'file:/home/owner/plainly-visible-store';
const WORDS = ['plainly-visible', 'xylophone', 'wrong-with-clip'];

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server.stop();
});

const signingKey = keyOf(randomBytes(32));
const [older, newer] = [keyOf(randomBytes(32)), keyOf(randomBytes(32))];

function encrypted(...keys: Key[]): Protection {
  return { namespace: 'default', signing: () => [signingKey], encryption: () => keys };
}

function clientOf(protection: Protection): Client {
  return new Client({
    connection: server.client.connection,
    dataConverter: dataConverterOf(protection),
    interceptors: { workflow: [sealingInterceptor(protection)] },
  });
}

async function withWorkers<T>(
  protection: Protection,
  script: Partial<ScriptedActivities>,
  body: () => Promise<T>,
) {
  return await withScriptedWorkers(server.address, script, body, undefined, protection);
}

/** All that the server has written, its journal too. */
async function written(): Promise<string> {
  const files = await Promise.all(
    (await readdir(server.folder)).map(async (name) => await readFile(join(server.folder, name))),
  );
  return Buffer.concat(files).toString('latin1');
}

async function start(client: Client, workflowId: string): Promise<void> {
  const input = { storeUri: STORE, runId: workflowId };
  await startOrJoin(client, { type: WORKFLOWS.rebuildDataset, workflowId, input });
}

async function untilAnswered(client: Client, workflowId: string): Promise<void> {
  while ((await progressOf(client, [workflowId])).stages.length === 0) await sleep(50);
}

/** The ids of the keys that a history's payloads name, in order. */
async function keyIdsOf(workflowId: string): Promise<string[]> {
  const history = JSON.stringify(await server.client.workflow.getHandle(workflowId).fetchHistory());
  const ids = [older, newer].map(({ id }) => [id, Buffer.from(id).toString('base64')] as const);
  return ids.filter(([, encoded]) => history.includes(encoded)).map(([id]) => id);
}

describe('a run with encrypted payloads', () => {
  it('leaves none of its input, results, progress and errors in the server', async () => {
    const protection = encrypted(newer);
    const client = clientOf(protection);
    const script: Partial<ScriptedActivities> = {
      ...dataset(2, async () => {
        await sleep(1_500);
      }),
      planDataset: async () =>
        await runStage('index', async ({ onProgress }) => {
          onProgress({ done: 1, total: 4 });
          return await Promise.resolve({
            ...{ dataset: { name: 'xylophone', version: 'v1' }, shards: 2, shardsToBuild: [0, 1] },
            ...{ clips: 8, clipsReused: 0 },
          });
        }),
    };
    await withWorkers(protection, script, async () => {
      await start(client, 'secret-run');
      await untilAnswered(client, 'secret-run');
      // What `modalmix status` asks.
      const progress = await progressOf(client, ['secret-run']);
      expect(progress.stages.map(({ label }) => label)).toContain('index clips');
      expect(await client.workflow.getHandle('secret-run').result()).toMatchObject({
        dataset: { name: 'xylophone' },
      });
      expect(await listRuns(client)).toMatchObject([{ workflowId: 'secret-run', storeUri: STORE }]);
    });

    const failing: Partial<ScriptedActivities> = {
      planDataset: async () =>
        await runStage('index', async () => {
          await Promise.resolve();
          throw new ModalmixError('input', 'wrong-with-clip 7', {
            where: 'plainly-visible.mp4',
            fix: 'Mend it.',
          });
        }),
    };
    await withWorkers(protection, failing, async () => {
      await start(client, 'secret-failure');
      const error: unknown = await client.workflow
        .getHandle('secret-failure')
        .result()
        .catch((reason: unknown) => reason);
      expect(unwrapFailure(error as WorkflowFailedError)).toMatchObject({
        kind: 'input',
        message: 'wrong-with-clip 7',
        where: 'plainly-visible.mp4',
        fix: 'Mend it.',
      });
    });

    const retried: Partial<ScriptedActivities> = {
      planDataset: async () =>
        await runStage('index', async () => {
          await Promise.resolve();
          throw new ModalmixError('transient', 'wrong-with-clip 8');
        }),
    };
    await withWorkers(protection, retried, async () => {
      await start(client, 'secret-retry');
      await vi.waitFor(
        async () => {
          expect((await progressOf(client, ['secret-retry'])).note).toContain('wrong-with-clip 8');
        },
        { timeout: 20_000, interval: 200 },
      );
      await client.workflow.getHandle('secret-retry').terminate();
    });

    const everything = await written();
    expect(everything).toContain('secret-run');
    expect(everything).toContain(newer.id);
    for (const word of WORDS) expect(everything, word).not.toContain(word);
    // The same by a run that is not: the words are where they are looked for.
    await withWorkers(
      { namespace: 'default' },
      dataset(1, async () => undefined),
      async () => {
        await start(server.client, 'plain-run');
        await server.client.workflow.getHandle('plain-run').result();
      },
    );
    expect(await written()).toContain('plainly-visible');
  });

  it('goes on with the next key when keys are changed, and replays', async () => {
    const slow = dataset(3, async () => {
      await sleep(800);
    });
    let built = 0;
    const counted: Partial<ScriptedActivities> = {
      ...slow,
      extractShard: async (input) => {
        built += 1;
        return await slow.extractShard(input);
      },
    };
    await withWorkers(encrypted(older), counted, async () => {
      await clientOf(encrypted(older)).workflow.start(WORKFLOWS.rebuildDataset, {
        workflowId: 'rotated',
        taskQueue: 'modalmix-control',
        args: [{ storeUri: STORE, runId: 'rotated', shardsInFlight: 1 }],
      });
      while (built < 1) await sleep(50);
    });
    const rotated = encrypted(newer, older);
    await withWorkers(rotated, counted, async () => {
      const outputs = await follow(clientOf(rotated), ['rotated'], {
        onProgress: () => undefined,
        pollMs: 100,
        signal: new AbortController().signal,
        revive: async () => undefined,
        isAbandoned: () => false,
        workerFailure: () => undefined,
      });
      expect(outputs).toMatchObject([{ shardsBuilt: 3 }]);
    });
    expect(await keyIdsOf('rotated')).toEqual([older.id, newer.id]);
    expect(await written()).not.toContain('"shardsBuilt":3');

    const history = await server.client.workflow.getHandle('rotated').fetchHistory();
    const codePath = await workflowBundle(tmpdir(), new DefaultLogger('ERROR'));
    const options = { workflowBundle: { codePath }, dataConverter: dataConverterOf(rotated) };
    await Worker.runReplayHistory(options, history, 'rotated');
  });

  it('fails in one sentence where the key is not there', async () => {
    await clientOf(encrypted(older)).workflow.start(WORKFLOWS.rebuildDataset, {
      workflowId: 'keyless',
      taskQueue: 'modalmix-control',
      args: [{ storeUri: STORE, runId: 'keyless' }],
    });
    const protection = encrypted(newer);
    await withWorkers(
      protection,
      dataset(1, async () => undefined),
      async () => {
        const error: unknown = await clientOf(protection)
          .workflow.getHandle('keyless')
          .result()
          .catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(WorkflowFailedError);
        expect(unwrapFailure(error as WorkflowFailedError).message).toBe(
          'the run was refused, and nothing was read: it cannot be read: it was encrypted with another key, or for something else',
        );
      },
    );
  });

  it('that began plain goes on, encrypted from then on', async () => {
    const plain: Protection = { namespace: 'default', signing: () => [signingKey] };
    await start(clientOf(plain), 'turned-on');
    const protection = encrypted(newer);
    await withWorkers(
      protection,
      dataset(2, async () => undefined),
      async () => {
        expect(await clientOf(protection).workflow.getHandle('turned-on').result()).toMatchObject({
          shardsBuilt: 2,
        });
      },
    );
    expect(await keyIdsOf('turned-on')).toEqual([newer.id]);
  });
});
