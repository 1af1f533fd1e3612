/** Starts a run: a known one again, from the config that it left in its store, or a new one from a file or folder. */
import type { Client } from '@temporalio/client';
import { readRunConfig } from '../../../activities/run-config.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import type { FoundRun } from '../../../runs/find-runs.ts';
import type { WorkflowStart } from '../../../runs/run-workflows.ts';
import type { RunConfig } from '../../../schemas/config/config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { WORKFLOWS, workflowIds, type RebuildAndTrainInput } from '../../../schemas/workflows.ts';
import { QUIET } from './temporal-link.ts';

/** Those whose whole input is in the store. */
export function canStart(type: string): boolean {
  return (
    type === WORKFLOWS.rebuildAndTrain || type === WORKFLOWS.runExperiment || type === WORKFLOWS.runSearch
  );
}

/**
 * It goes on from what is done; one that runs is joined. Its config, and the code of its plug-ins, are in the store
 * already, and stay as they are.
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
  const { startOrJoin } = await import('../../../runs/run-workflows.ts');
  await startOrJoin(client, { ...(await againOf(run, store)), workflowId: workflowIds.run(runId) });
}

/** By its own id: it hashes the config, and that which is read of another release may give another. */
async function againOf(
  { runId, type, storeUri, source }: FoundRun,
  store: Store,
): Promise<Omit<WorkflowStart, 'workflowId'>> {
  const { runReference } = await import('../../../runs/run-workflows.ts');
  const reference = (config: RunConfig) =>
    runReference({ runId, config: { ...config, store: storeUri ?? store.uri } });
  if (type === WORKFLOWS.runExperiment) {
    const { readExperiment } = await import('../../../pipelines/experiments/read-experiment.ts');
    return { type, input: reference((await readExperiment(store, runId)).base) };
  }
  if (type === WORKFLOWS.runSearch) {
    const { readSearch } = await import('../../../pipelines/searches/read-search.ts');
    return { type, input: reference((await readSearch(store, runId)).base) };
  }
  const config = await readRunConfig(store, runId);
  const { methods, seeds } = config.training;
  // Those of a release that did not note it: ranges are set by `train --from-stream` alone, if not by hand.
  const from = source ?? (config.stream?.ranges === undefined ? 'dataset' : 'stream');
  if (from === 'dataset') {
    // What the index would stumble over is said at once.
    const { prepareConfig } = await import('../../../runs/prepare-run.ts');
    await prepareConfig(config);
  }
  const input: RebuildAndTrainInput = {
    ...reference(config),
    ...(from === 'stream' ? { source: from } : {}),
    methods: [...new Set(methods)],
    seeds: [...new Set(seeds)],
  };
  return { type: WORKFLOWS.rebuildAndTrain, input };
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
