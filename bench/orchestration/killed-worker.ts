/** What the death of a worker takes from a training: until the next worker is as far as it would have been. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { prepared, storeRunConfig } from '../../runs/prepare-run.ts';
import { buildCommand } from '../../infra/command/build-command.ts';
import { ensureSupervisor, runningSupervisor, stopSupervisor } from '../../infra/supervisor/supervise.ts';
import { ensureTemporal, stopTemporal } from '../../infra/temporal/ensure-temporal.ts';
import { protectedClient } from '../../infra/temporal/protection.ts';
import { trainingSpecs } from '../../pipelines/training/training-spec.ts';
import type { RunConfig } from '../../schemas/config/config.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import { TASK_QUEUES, storePaths } from '../../schemas/names.ts';
import { WORKFLOWS, workflowIds, type TrainModelInput } from '../../schemas/workflows.ts';
import { untilPolled } from './real-run.ts';

const POLL_MS = 10;
const PATIENCE_MS = 120_000;

export interface KilledWorker {
  /** From one checkpoint to the next, undisturbed. */
  readonly intervalS: number;
  /** From the kill until the next checkpoint is there, without the interval before it. */
  readonly lostS: number;
}

/**
 * Trains in the home folder that the environment names, until the fourth checkpoint; its server and worker are
 * stopped then.
 *
 * @param config of one training with at least four checkpoints before its first epoch ends, all of them kept
 * @param delay after the second checkpoint, 0…1 of the interval: then the worker is killed
 */
export async function killWorker(
  config: RunConfig,
  manifest: DatasetManifest,
  delay: number,
): Promise<KilledWorker> {
  const run = prepared(config);
  await storeRunConfig(run);
  const spec = trainingSpecs(config, manifest)[0]!;
  const { everySteps } = spec.training.checkpoint;
  /** @returns when it was there, ms */
  const checkpoint = async (number: number): Promise<number> => {
    const path = storePaths.checkpoint(spec.trainingId, number * everySteps);
    for (const begun = Date.now(); Date.now() - begun < PATIENCE_MS;) {
      if (await run.store.exists(path)) return Date.now();
      await sleep(POLL_MS);
    }
    throw new Error(`${path} was not written within ${String(PATIENCE_MS / 1_000)} s`);
  };
  try {
    await buildCommand();
    const endpoint = await ensureTemporal();
    await ensureSupervisor();
    await untilPolled();
    const connection = await Connection.connect(endpoint.connection);
    try {
      const { name, version } = manifest;
      const { method, seed } = spec;
      const input: TrainModelInput = {
        ...{ storeUri: config.store, runId: run.runId, dataset: { name, version }, method, seed },
      };
      await protectedClient(connection, endpoint).workflow.start(WORKFLOWS.trainModel, {
        workflowId: workflowIds.train(run.runId, method, seed),
        taskQueue: TASK_QUEUES.control,
        args: [input],
      });
      const first = await checkpoint(1);
      const second = await checkpoint(2);
      const intervalMs = second - first;
      await sleep(delay * intervalMs);
      const killedAt = Date.now();
      process.kill(runningSupervisor()!.worker!.pid, 'SIGKILL');
      const third = await checkpoint(3);
      return { intervalS: intervalMs / 1_000, lostS: (third - killedAt - intervalMs) / 1_000 };
    } finally {
      await connection.close();
    }
  } finally {
    await stopSupervisor();
    await stopTemporal();
  }
}
