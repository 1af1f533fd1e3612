/** `modalmix experiment`: a matrix of trainings, from clips to one table and one page. */
import { checkDataset } from '../../pipelines/datasets/index-dataset.ts';
import { loadExperiment } from '../../pipelines/experiments/load-experiment.ts';
import { runIdOf } from '../../pipelines/config/run-id.ts';
import { groupsOf, type CellGroup } from '../../pipelines/experiments/matrix.ts';
import { resolveFolds } from '../../pipelines/experiments/resolve-folds.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { experimentSummarySchema } from '../../schemas/config/experiment.ts';
import { methodWarnings } from '../../schemas/config/method-warnings.ts';
import { storePaths } from '../../schemas/names.ts';
import { WORKFLOWS, workflowIds } from '../../schemas/workflows.ts';
import { experimentTable } from '../text/experiment-table.ts';
import { storePlugins } from '../../runs/prepare-run.ts';
import { followToEnd, runReference, startOrJoin, type FollowFlags } from '../../runs/run-workflows.ts';
import type { Screen } from '../../runs/screen.ts';
import { connect } from '../../runs/session.ts';
import { targetWords } from '../text/target-words.ts';
import { getStored } from '../../pipelines/store/stored-json.ts';

/** @param file an experiment's YAML file (`schemas/config/experiment.ts`) */
export async function experiment(file: string, flags: FollowFlags, screen: Screen): Promise<void> {
  const config = await resolveFolds(await loadExperiment(file, flags.set));
  const runId = runIdOf(config);
  const store = openStore(config.base.store);
  const groups = groupsOf(config);
  await checkDatasets(groups);
  const cells = groups.reduce((sum, { config: { training } }) => sum + training.methods.length, 0);
  const asked = { ...config.base.training, methods: config.methods };
  for (const warning of methodWarnings(asked)) screen.say(`Mind: ${warning}`);
  const session = await connect(screen);
  try {
    await storePlugins(store, config.base);
    await store.put(storePaths.experimentConfig(runId), `${JSON.stringify(config, null, 2)}\n`);
    const workflowId = workflowIds.run(runId);
    const input = runReference({ runId, config: config.base });
    const joined = await session.answered(
      async () => await startOrJoin(session.client, { type: WORKFLOWS.runExperiment, workflowId, input }),
    );
    const size = `${String(cells * config.seeds.length)} trainings`;
    screen.say(joined ? `Joined the running ${runId}` : `Started ${runId}: ${size}`);
    screen.event(joined ? 'joined' : 'started', { runId, store: config.base.store });
    const again = `modalmix experiment ${targetWords(file, flags.set)}`;
    const outputs = await followToEnd(session, runId, [workflowId], screen, flags, again);
    if (outputs === undefined) return;
    const path = storePaths.experimentSummary(runId);
    const summary = await getStored(store, path, experimentSummarySchema, 'remake');
    const report = await store.localFile(storePaths.experimentReport(runId));
    screen.say(`\n${experimentTable(summary)}\n\nReport: ${report}`);
    screen.event('finished', { runId, report, summary });
  } finally {
    await session.close();
  }
}

/** What the index stages would stumble over is found before anything is started. */
async function checkDatasets(groups: readonly CellGroup[]): Promise<void> {
  const datasets = new Map(groups.map(({ config: { dataset } }) => [JSON.stringify(dataset), dataset]));
  for (const dataset of datasets.values()) {
    if (dataset.format !== 'digits') await checkDataset(dataset);
  }
}
