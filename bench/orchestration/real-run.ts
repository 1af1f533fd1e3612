/** The whole job as the command runs it, and what of its wall time is Temporal's. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, type Client } from '@temporalio/client';
import { prepared, storeRunConfig } from '../../runs/prepare-run.ts';
import { runReference, startOrJoin } from '../../runs/run-workflows.ts';
import { ensureSupervisor, stopSupervisor } from '../../infra/supervisor/supervise.ts';
import { embeddedTemporal } from '../../infra/temporal/embedded-server.ts';
import { ensureTemporal } from '../../infra/temporal/ensure-temporal.ts';
import { protectedClient } from '../../infra/temporal/protection.ts';
import type { RunConfig } from '../../schemas/config/config.ts';
import { TASK_QUEUES } from '../../schemas/names.ts';
import { WORKFLOWS, workflowIds, type RebuildAndTrainInput } from '../../schemas/workflows.ts';
import { timesOf } from '../harness/processor-time.ts';
import { readHistories, temporalShare, type ExecutionFacts, type HistoryFacts } from './history.ts';
import { pollersOf } from './pollers.ts';

export interface ShareOfWall {
  readonly wallS: number;
  /** 0…1, see `temporalShare`. */
  readonly share: number;
  readonly activities: number;
  readonly executions: readonly ExecutionFacts[];
}

export interface RealRun {
  readonly rebuild: ShareOfWall;
  readonly training: ShareOfWall;
  readonly whole: ShareOfWall;
  /** CPU seconds of the embedded server meanwhile; absent where the system does not tell. */
  readonly serverCpuS?: number;
}

/** Runs it to its end with the embedded server and one worker, in the home folder that the environment names. */
export async function measureRealRun(config: RunConfig): Promise<RealRun> {
  const run = prepared(config);
  await storeRunConfig(run);
  const endpoint = await ensureTemporal();
  await ensureSupervisor();
  const connection = await Connection.connect(endpoint.connection);
  try {
    const client = protectedClient(connection, endpoint);
    await untilPolled();
    const { methods, seeds } = config.training;
    const input: RebuildAndTrainInput = { ...runReference(run), methods, seeds };
    const cpuBefore = await serverCpuS();
    const workflowId = workflowIds.run(run.runId);
    await startOrJoin(client, { type: WORKFLOWS.rebuildAndTrain, workflowId, input });
    await client.workflow.getHandle(workflowId).result();
    const cpuAfter = await serverCpuS();
    const facts = async (id: string) => await readLatest(client, id);
    const method = methods[0]!;
    return {
      rebuild: shareOf(await facts(workflowIds.rebuild(run.runId))),
      training: shareOf(await facts(workflowIds.train(run.runId, method, seeds[0]!))),
      whole: shareOf(await facts(workflowId)),
      ...(cpuBefore === undefined || cpuAfter === undefined ? {} : { serverCpuS: cpuAfter - cpuBefore }),
    };
  } finally {
    await connection.close();
    await stopSupervisor();
  }
}

/** A process that starts takes seconds, whatever orchestrates it: a measurement begins when there are workers. */
export async function untilPolled(): Promise<void> {
  const { connection: options } = await ensureTemporal();
  const connection = await Connection.connect(options);
  try {
    for (const name of Object.values(TASK_QUEUES)) await untilQueueIsPolled(connection, name);
  } finally {
    await connection.close();
  }
}

async function untilQueueIsPolled(connection: Connection, name: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    if ((await pollersOf(connection, name)).length > 0) return;
    if (attempt > 600) throw new Error(`nobody works for ${name}`);
    await sleep(100);
  }
}

async function readLatest(client: Client, workflowId: string): Promise<HistoryFacts> {
  for (let attempt = 0; ; attempt += 1) {
    const { raw } = await client.workflow.getHandle(workflowId).describe();
    const info = raw.workflowExecutionInfo;
    const first = info?.firstRunId ?? info?.execution?.runId;
    if (typeof first === 'string' && first !== '') return await readHistories(client, workflowId, first);
    if (attempt > 10) throw new Error(`${workflowId} has no execution`);
    await sleep(100);
  }
}

function shareOf(facts: HistoryFacts): ShareOfWall {
  const { span, activities, executions } = facts;
  return {
    wallS: (span[1] - span[0]) / 1_000,
    share: temporalShare(facts),
    activities: activities.length,
    executions,
  };
}

async function serverCpuS(): Promise<number | undefined> {
  const pid = embeddedTemporal.running()?.process.pid;
  return pid === undefined ? undefined : (await timesOf(pid))?.seconds;
}
