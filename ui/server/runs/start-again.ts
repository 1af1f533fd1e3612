/** Starts a run: a known one again, from the config that it left in its store, or a new one from a file or folder. */
import type { Client } from '@temporalio/client';
import { readRunConfig } from '../../../activities/run-config.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import type { FoundRun } from '../../../runs/find-runs.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import { WORKFLOWS, workflowIds } from '../../../schemas/workflows.ts';
import { QUIET } from './temporal-link.ts';

/** Those whose whole input is in the store. */
export function canStart(type: string): boolean {
  return (
    type === WORKFLOWS.rebuildAndTrain || type === WORKFLOWS.runExperiment || type === WORKFLOWS.runSearch
  );
}

/**
 * It goes on from what is done; one that runs is joined.
 *
 * @throws ModalmixError `config` for a workflow that is a part of another's work; `input` where its config is gone
 */
export async function startAgain(client: Client, run: FoundRun, store: Store): Promise<void> {
  const { runId, type } = run;
  if (!canStart(type)) {
    throw new ModalmixError('config', 'it is started by its command only', {
      where: run.workflowId,
      fix: 'Start it with the command that it was started with.',
    });
  }
  if (type === WORKFLOWS.rebuildAndTrain) {
    const { startRun } = await import('../../../runs/start-work.ts');
    const { prepareConfig } = await import('../../../runs/prepare-run.ts');
    const prepared = await prepareConfig(await readRunConfig(store, runId));
    // The id hashes the config, and one of another release may give another: it stays this run.
    await startRun(client, { ...prepared, runId });
    return;
  }
  const path =
    type === WORKFLOWS.runExperiment ? storePaths.experimentConfig(runId) : storePaths.searchConfig(runId);
  if (!(await store.exists(path)))
    throw new ModalmixError('input', 'its config is gone from the store', { where: `${store.uri}/${path}` });
  const { runReference, startOrJoin } = await import('../../../runs/run-workflows.ts');
  const input = runReference({ runId, config: { store: store.uri } });
  await startOrJoin(client, {
    type: type === WORKFLOWS.runExperiment ? WORKFLOWS.runExperiment : WORKFLOWS.runSearch,
    workflowId: workflowIds.run(runId),
    input,
  });
}

/**
 * @param target a config file or a folder of clips, as on the command line
 * @returns the run's id
 * @throws ModalmixError `config` when it cannot be used
 */
export async function startNew(client: Client, target: string, set: readonly string[]): Promise<string> {
  const { prepareRun } = await import('../../../runs/prepare-run.ts');
  const { startRun } = await import('../../../runs/start-work.ts');
  const prepared = await prepareRun(target, QUIET, set);
  await startRun(client, prepared);
  return prepared.runId;
}
