/** A dead worker's activities: tried again long before their heartbeats are missed, and only these. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { releaseWork, workerIdentity } from '../../../infra/supervisor/release-work.ts';
import { ENVIRONMENT, TASK_QUEUES } from '../../../schemas/names.ts';
import { WORKFLOWS, type TrainModelInput } from '../../../schemas/workflows.ts';
import { withScriptedWorkers } from '../../support/scripted-worker.ts';
import { startTestServer, type TestServer } from '../../support/temporal.ts';
import { DATASET } from '../../workflows/scripts.ts';

const TRAINED = { trainingId: 'released-mm-s0', steps: 4, epochs: 1, weightsSha256: '0' };
const DEAD = { pid: 4_000_001, startTime: '17' };

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  vi.stubEnv(ENVIRONMENT.temporalAddress, server.address);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

test('a training of a worker that died is tried again, and one of another worker goes on', async () => {
  const attempts: number[] = [];
  const train = async () => {
    const { info, cancelled } = Context.current();
    attempts.push(info.attempt);
    // The first attempt is silent from now on, as that of a dead worker.
    if (info.attempt === 1) await Promise.race([cancelled, sleep(20_000)]);
    return TRAINED;
  };
  await withScriptedWorkers(
    server.address,
    { train },
    async () => {
      const input: TrainModelInput = {
        ...{ storeUri: 'file:/nowhere', runId: 'released', dataset: DATASET, method: 'mm', seed: 0 },
        heartbeatTimeoutMs: 600_000,
      };
      const handle = await server.client.workflow.start(WORKFLOWS.trainModel, {
        ...{ workflowId: 'released', taskQueue: TASK_QUEUES.control, args: [input] },
      });
      await vi.waitFor(() => {
        expect(attempts).toEqual([1]);
      }, 30_000);

      expect(await releaseWork({ ...DEAD, startTime: '18' })).toBe(0);
      expect(await releaseWork(DEAD)).toBe(1);

      expect(await handle.result()).toEqual(TRAINED);
      expect(attempts).toEqual([1, 2]);
    },
    workerIdentity(DEAD),
  );
}, 120_000);
