/**
 * What a worker was at when it died is given to the next one at once. By itself the server only misses its heartbeats,
 * with a patience that a busy machine needs.
 */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import pLimit from 'p-limit';
import type { ErrorKind } from '../../schemas/errors.ts';
import { TASK_QUEUES } from '../../schemas/names.ts';
import type { ProcessIdentity } from '../processes.ts';
import { connectTemporal } from '../temporal/ensure-temporal.ts';
import { protectedClient } from '../temporal/protection.ts';

const TRY_AGAIN_MS = 500;
/** Then the heartbeats have been missed anyway. */
const GIVE_UP_MS = 15_000;
const CALL_TIMEOUT_MS = 5_000;
const AT_ONCE = 8;

/** A worker's name at the server: no other process on any machine has had it. */
export function workerIdentity({ pid, startTime }: ProcessIdentity): string {
  return `${String(pid)}@${hostname()}:${startTime}`;
}

/**
 * Fails the activities that a worker was at, as `transient`, so that they are tried again at once.
 *
 * @param worker of a process that has ended
 * @param signal ends the attempts to reach a server that is away
 * @returns how many there were
 * @throws Error of the server when it cannot be reached for as long as heartbeats are waited for
 */
export async function releaseWork(worker: ProcessIdentity, signal?: AbortSignal): Promise<number> {
  const deadline = performance.now() + GIVE_UP_MS;
  for (;;) {
    try {
      return await release(workerIdentity(worker));
    } catch (error) {
      if (signal?.aborted === true || performance.now() > deadline) throw error;
      await sleep(TRY_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function release(identity: string): Promise<number> {
  const { endpoint, connection } = await connectTemporal(CALL_TIMEOUT_MS);
  try {
    const client = protectedClient(connection, endpoint);
    const limit = pLimit(AT_ONCE);
    const query = `ExecutionStatus = "Running" AND TaskQueue = "${TASK_QUEUES.control}"`;
    const released: Promise<number>[] = [];
    for await (const { workflowId } of client.workflow.list({ query })) {
      released.push(limit(async () => await releaseOf(client, workflowId, identity)));
    }
    return (await Promise.all(released)).reduce((sum, one) => sum + one, 0);
  } finally {
    await connection.close();
  }
}

async function releaseOf(client: Client, workflowId: string, identity: string): Promise<number> {
  const { connection, options } = client;
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  const left = (raw.pendingActivities ?? []).filter(
    ({ lastWorkerIdentity }) => lastWorkerIdentity === identity,
  );
  for (const { activityId } of left) {
    await connection.workflowService.respondActivityTaskFailedById({
      namespace: options.namespace,
      workflowId,
      runId: raw.workflowExecutionInfo?.execution?.runId ?? '',
      activityId: activityId ?? '',
      identity,
      failure: {
        message: 'its worker ended; another one goes on from where it was',
        applicationFailureInfo: { type: 'transient' satisfies ErrorKind },
      },
    });
  }
  return left.length;
}
