import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { findWebhooks, postNotice } from '../../activities/telling/notify.ts';
import type { Services } from '../../activities/services.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { signedHeaders, signingKeys } from '../../pipelines/tracking/webhooks/sign.ts';
import { listNotices } from '../../runs/list-notices.ts';
import { runConfigSchema } from '../../schemas/config/config.ts';
import { gateConfigSchema } from '../../schemas/config/retrain-config.ts';
import { TASK_QUEUES, storePaths } from '../../schemas/names.ts';
import { noticeSchema } from '../../schemas/notice.ts';
import { WORKFLOWS } from '../../schemas/workflows.ts';
import { startReceiver, type Answer, type Receiver } from '../support/receiver.ts';
import { withScriptedWorkers, type ScriptedActivities } from '../support/scripted-worker.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';
import { resumableTraining, retraining } from './scripts.ts';

const SECRET = `whsec_${randomBytes(32).toString('base64')}`;
const SUMMARY = {
  formatVersion: 1,
  runId: 'told',
  dataset: { name: 'clips', version: 'v1' },
  testClips: 10,
  classes: 2,
  rows: [
    {
      method: 'b-mm',
      seeds: [0, 1],
      trainingIds: ['a', 'b'],
      ...{ accuracy: spread(0.75), macroF1: spread(0.7), meanAveragePrecision: spread(0.7) },
      expectedCalibrationError: spread(0.1),
      branches: {},
    },
  ],
};

const VERSION = {
  ...{ formatVersion: 1, model: 'm', version: 2, trainingId: 't', method: 'b-mm', seed: 0 },
  ...{ modalities: ['audio'], classNames: ['a', 'b'], dataset: SUMMARY.dataset, window: 1, parent: 1 },
  weights: { path: 'runs/t/model.safetensors', sha256: 'ab' },
  createdAt: '2026-11-30T21:00:00.000Z',
};

function spread(mean: number) {
  return { mean, std: 0.05, values: [mean - 0.05, mean + 0.05] };
}

let server: TestServer;
let folder: string;
let receivers: Receiver[] = [];
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server.stop();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-notices-'));
  vi.stubEnv('MODALMIX_WEBHOOK_SECRET', SECRET);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const receiver of receivers) await receiver.close();
  receivers = [];
  await rm(folder, { recursive: true, force: true });
});

async function receiver(answer: (n: number) => Answer): Promise<Receiver> {
  const started = await startReceiver(answer);
  receivers.push(started);
  return started;
}

/** A run of scripted work, whose notices are real. */
async function started(
  urls: readonly { url: string; events?: string[] }[],
  type: (typeof WORKFLOWS)[keyof typeof WORKFLOWS] = WORKFLOWS.rebuildAndTrain,
  input: object = { methods: ['b-mm'], seeds: [0] },
) {
  const runId = `told-${randomUUID().slice(0, 8)}`;
  const storeUri = pathToFileURL(folder).href;
  const store = openStore(storeUri);
  const config = runConfigSchema.parse({
    ...{ name: 'told', store: storeUri, dataset: { format: 'folder', root: '/clips' } },
    notify: { webhook: urls },
  });
  await store.put(storePaths.runConfig(runId), JSON.stringify(config));
  await store.put(storePaths.summary(runId), JSON.stringify({ ...SUMMARY, runId }));
  const handle = await server.client.workflow.start(type, {
    workflowId: runId,
    taskQueue: TASK_QUEUES.control,
    args: [{ storeUri, runId, heartbeatTimeoutMs: 3_000, notifies: true, ...input }],
  });
  return { runId, storeUri, handle };
}

async function working(script: Partial<ScriptedActivities>, body: () => Promise<void>): Promise<void> {
  const services = { openStore } as Services;
  const telling: Partial<ScriptedActivities> = {
    findWebhooks: async (input) => await findWebhooks(services, input),
    postNotice: async (input) => {
      await postNotice(services, input);
    },
  };
  await withScriptedWorkers(server.address, { ...script, ...telling }, body);
}

const noticesOf = ({ received }: Receiver) =>
  received.map(({ body }) => noticeSchema.parse(JSON.parse(body)));
const until = async (check: () => void | Promise<void>) =>
  await vi.waitFor(check, { timeout: 60_000, interval: 100 });

describe('the end of a run', () => {
  it('is told by the same signed notice until it is taken; the result does not wait for that', async () => {
    let isUp = false;
    const away = await receiver(() => ({ status: isUp ? 200 : 503 }));
    const other = await receiver(() => ({ status: 200 }));
    await working(resumableTraining(1).script, async () => {
      const { runId, storeUri, handle } = await started([{ url: `${away.url}/hook` }, { url: other.url }]);
      await handle.result();
      await until(() => expect(away.received.length).toBeGreaterThan(1));
      expect((await listNotices(server.client, runId)).map(({ state }) => state)).toEqual(['running']);
      isUp = true;
      await until(async () => {
        expect((await listNotices(server.client, runId)).map(({ state }) => state)).toEqual(['completed']);
      });
      const [first] = noticesOf(away);
      expect(first).toEqual({
        version: 1,
        type: 'run.completed',
        timestamp: expect.any(String) as string,
        data: {
          ...{ runId, name: 'told', dataset: SUMMARY.dataset },
          report: `${storeUri}/${storePaths.report(runId)}`,
          results: [{ method: 'b-mm', seeds: 2, accuracy: 0.75, std: 0.05 }],
        },
      });
      // Whoever gets it twice can know.
      expect(new Set(away.received.map(({ body }) => body)).size).toBe(1);
      expect(new Set(away.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
      for (const { headers, body } of away.received) {
        const [id, at] = [String(headers['webhook-id']), 1_000 * Number(headers['webhook-timestamp'])];
        const expected = signedHeaders(signingKeys(SECRET), id, at, body);
        expect(headers['webhook-signature']).toBe(expected['webhook-signature']);
      }
      // One that is away is no reason to tell the others twice.
      expect(other.received).toHaveLength(1);
    });
  });

  it('is told when it failed, with why and what to do, to those who want to know', async () => {
    const [failures, completions] = [
      await receiver(() => ({ status: 200 })),
      await receiver(() => ({ status: 200 })),
    ];
    const script: Partial<ScriptedActivities> = {
      ...resumableTraining(1).script,
      train: async () => {
        await Promise.resolve();
        throw ApplicationFailure.create({
          ...{ type: 'input', message: 'the shard is damaged', nonRetryable: true },
          details: [{ fix: 'Rebuild it.' }],
        });
      },
    };
    await working(script, async () => {
      const { runId, handle } = await started([
        { url: failures.url },
        { url: completions.url, events: ['run.completed'] },
      ]);
      await expect(handle.result()).rejects.toThrow();
      await until(() => expect(failures.received).toHaveLength(1));
      expect(noticesOf(failures)[0]).toMatchObject({
        type: 'run.failed',
        data: { runId, reason: 'the shard is damaged', fix: 'Rebuild it.' },
      });
      await until(async () => {
        expect((await listNotices(server.client, runId))[0]?.state).toBe('completed');
      });
      expect(completions.received).toEqual([]);
    });
  });

  it('is told when somebody cancelled it, and the cancellation does not wait for that', async () => {
    const hook = await receiver(() => ({ status: 200 }));
    await working(resumableTraining(1_000_000).script, async () => {
      const { runId, handle } = await started([{ url: hook.url }]);
      await until(async () => {
        const query = await handle.query<{ children: string[] }>('progress');
        expect(query.children.some((child) => child.includes('/train/'))).toBe(true);
      });
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow();
      await until(() => expect(hook.received).toHaveLength(1));
      expect(noticesOf(hook)[0]).toMatchObject({ type: 'run.cancelled', data: { runId } });
    });
  });

  it('stays untold where the webhook has gone, or nobody set a secret; the run knows why', async () => {
    const gone = await receiver(() => ({ status: 410 }));
    await working(resumableTraining(1).script, async () => {
      const { runId, handle } = await started([{ url: gone.url }]);
      await handle.result();
      await until(async () => {
        const [notice] = await listNotices(server.client, runId);
        expect(notice?.state).toBe('failed');
        expect(notice?.reason).toContain('webhook 1: it answered the notice with 410');
      });
      expect(gone.received).toHaveLength(1);

      vi.stubEnv('MODALMIX_WEBHOOK_SECRET', '');
      const second = await started([{ url: gone.url }]);
      await second.handle.result();
      await until(async () => {
        const [notice] = await listNotices(server.client, second.runId);
        expect(notice?.reason).toContain('there is no secret to sign notices with');
      });
      expect(gone.received).toHaveLength(1);
    });
  });
});

describe("a gate's decision", () => {
  it('is told with what it was', async () => {
    const hook = await receiver(() => ({ status: 200 }));
    const script: Partial<ScriptedActivities> = {
      ...retraining({ windows: 1 }).script,
      decideWindow: async () =>
        await Promise.resolve({ version: 2, promoted: false, note: 'version 1 stays' }),
    };
    await working(script, async () => {
      const reasons = ['accuracy: 0.70, less than 0.80', 'margin: not shown'];
      await openStore(pathToFileURL(folder).href).put(
        storePaths.modelVersion('m', 2),
        JSON.stringify({
          ...VERSION,
          decision: { promoted: false, reasons, gate: gateConfigSchema.parse({}) },
        }),
      );
      const input = { model: 'm', window: 1 };
      const { runId, handle } = await started([{ url: hook.url }], WORKFLOWS.retrainWindow, input);
      await handle.result();
      await until(() => expect(hook.received).toHaveLength(1));
      const decided = {
        model: 'm',
        window: 1,
        version: 2,
        promoted: false,
        note: 'version 1 stays',
        reasons,
      };
      expect(noticesOf(hook)[0]).toMatchObject({ type: 'gate.decided', data: { runId, ...decided } });
    });
  });
});
