/** Workers for all queues in this process, whose activities a test scripts. */
import { NativeConnection, Runtime, DefaultLogger, Worker } from '@temporalio/worker';
import { tmpdir } from 'node:os';
import { awaitWorkflow } from '../../activities/await-workflow.ts';
import type {
  ControlActivities,
  MediaActivities,
  TellingActivities,
  TrainingActivities,
} from '../../activities/index.ts';
import { TASK_QUEUES, WAITING_QUEUE } from '../../schemas/names.ts';
import type { Protection } from '../../infra/temporal/protection.ts';
import { workerProtection } from '../../infra/workers/refuse-unsigned.ts';
import { workflowBundle } from '../../infra/workers/workflow-bundle.ts';

export type ScriptedActivities = MediaActivities & TrainingActivities & ControlActivities & TellingActivities;

/**
 * Runs `body` while the workers work.
 *
 * @param identity what the server knows them by; absent: as Temporal names them
 * @param protection what is signed and encrypted, as in real workers; absent: nothing
 * @param bundle path of the workflows' code; absent: as it is
 */
export async function withScriptedWorkers<T>(
  address: string,
  script: Partial<ScriptedActivities>,
  body: () => Promise<T>,
  identity?: string,
  protection: Protection = { namespace: 'default' },
  bundle?: string,
): Promise<T> {
  installQuietRuntime();
  const connection = await NativeConnection.connect({ address });
  const codePath = bundle ?? (await workflowBundle(tmpdir(), new DefaultLogger('ERROR')));
  const named = identity === undefined ? {} : { identity };
  const common = {
    connection,
    activities: script,
    maxHeartbeatThrottleInterval: '200 ms',
    ...workerProtection(protection),
    ...named,
  } as const;
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue: TASK_QUEUES.control, workflowBundle: { codePath } }),
    Worker.create({ ...common, taskQueue: TASK_QUEUES.media }),
    Worker.create({ ...common, taskQueue: TASK_QUEUES.training }),
    // Waits as they are: there is nothing in them that a test would do otherwise.
    Worker.create({ ...common, activities: { awaitWorkflow, ...script }, taskQueue: WAITING_QUEUE }),
  ]);
  const running = workers.map(async (worker) => {
    await worker.run();
  });
  try {
    return await body();
  } finally {
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
    await connection.close();
  }
}

let installed = false;

export function installQuietRuntime(): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    shutdownSignals: [],
    telemetryOptions: { logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } } },
  });
}
