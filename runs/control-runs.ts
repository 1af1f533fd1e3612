/** Pauses, resumes and cancels the workflows of a run. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { ModalmixError } from '../schemas/errors.ts';
import { MESSAGES } from '../schemas/workflows.ts';
import { findRun } from './find-runs.ts';

export type ControlCommand = 'pause' | 'resume' | 'cancel';

const POLL_MS = 500;

/**
 * Of a run's workflows those that are running. A pause and a resume are told; a cancellation is waited for: a training
 * first writes its checkpoint.
 *
 * @param runId or a workflow's own id
 * @throws ModalmixError `config` when there is no such run, or it is not running
 */
export async function controlRuns(client: Client, command: ControlCommand, runId: string): Promise<void> {
  const running = (await findRun(client, runId)).filter(({ state }) => state === 'running');
  if (running.length === 0) {
    throw new ModalmixError('config', `${runId} is not running`, {
      fix: `See it: modalmix status ${runId}`,
    });
  }
  for (const { workflowId } of running) {
    const handle = client.workflow.getHandle(workflowId);
    if (command !== 'cancel') {
      await handle.signal(MESSAGES[command]);
      continue;
    }
    await handle.cancel();
    while ((await handle.describe()).status.name === 'RUNNING') await sleep(POLL_MS);
  }
}
