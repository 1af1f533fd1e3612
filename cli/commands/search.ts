/** `modalmix search`: hyper-parameters drawn from a space, the best of each method by the validation split. */
import { checkDataset } from '../../pipelines/datasets/index-dataset.ts';
import { runIdOf } from '../../pipelines/config/run-id.ts';
import { rungsOf, type Rung } from '../../pipelines/searches/halving.ts';
import { loadSearch } from '../../pipelines/searches/load-search.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { getStored } from '../../pipelines/store/stored-json.ts';
import { methodWarnings } from '../../schemas/config/method-warnings.ts';
import { searchSummarySchema, type SearchConfig } from '../../schemas/config/search.ts';
import { storePaths } from '../../schemas/names.ts';
import { WORKFLOWS, workflowIds } from '../../schemas/workflows.ts';
import { storePlugins } from '../../runs/prepare-run.ts';
import { followToEnd, runReference, startOrJoin, type FollowFlags } from '../../runs/run-workflows.ts';
import { connect } from '../../runs/session.ts';
import type { Screen } from '../../runs/screen.ts';
import { searchTable } from '../text/search-table.ts';
import { shellWord } from '../text/shell-word.ts';

/** @param file a search's YAML file (`schemas/config/search.ts`) */
export async function search(file: string, flags: FollowFlags, screen: Screen): Promise<void> {
  const { config, base } = await loadSearch(file);
  const runId = runIdOf(config);
  const store = openStore(base.store);
  if (base.dataset.format !== 'digits') await checkDataset(base.dataset);
  const asked = { ...base.training, methods: config.methods };
  for (const warning of methodWarnings(asked)) screen.say(`Mind: ${warning}`);
  if (config.halving !== undefined && base.training.schedule.name === 'step') {
    const { stepEpochs } = base.training.schedule;
    screen.say(
      `Mind: the schedule falls every ${String(stepEpochs)} epochs however long a trial is trained; a cosine is laid out over its length`,
    );
  }
  const session = await connect(screen);
  try {
    await storePlugins(store, base);
    await store.put(storePaths.searchConfig(runId), `${JSON.stringify(config, null, 2)}\n`);
    const workflowId = workflowIds.run(runId);
    const input = runReference({ runId, config: base });
    const joined = await session.answered(
      async () => await startOrJoin(session.client, { type: WORKFLOWS.runSearch, workflowId, input }),
    );
    screen.say(
      joined
        ? `Joined the running ${runId}`
        : `Started ${runId}: ${sizeOf(config, rungsOf(config, base.training.epochs))}`,
    );
    screen.event(joined ? 'joined' : 'started', { runId, store: base.store });
    const again = `modalmix search ${shellWord(file)}`;
    const outputs = await followToEnd(session, runId, [workflowId], screen, flags, again);
    if (outputs === undefined) return;
    const summary = await getStored(store, storePaths.searchSummary(runId), searchSummarySchema, 'remake');
    const report = await store.localFile(storePaths.searchReport(runId));
    const configs: Record<string, string> = {};
    for (const { method, best } of summary.methods) {
      if (best.length > 0) configs[method] = await store.localFile(storePaths.searchBest(runId, method));
    }
    const found = Object.values(configs).map((path) => `\n  modalmix run ${shellWord(path)}`);
    const next = `Judge them on the test split, without training them again:${found.join('')}\n\n`;
    screen.say(`\n${searchTable(summary)}\n\n${found.length === 0 ? '' : next}Report: ${report}`);
    screen.event('finished', { runId, report, configs, summary });
  } finally {
    await session.close();
  }
}

/** `16 trials each of joint, b-mm; at most 166 epochs of each` */
function sizeOf({ trials, methods, seeds }: SearchConfig, rungs: readonly Rung[]): string {
  const epochs = seeds.length * rungs.reduce((sum, rung) => sum + rung.epochs * rung.trials, 0);
  const each = seeds.length === 1 ? '' : `, ${String(seeds.length)} seeds`;
  return `${String(trials)} trials${each}, of ${methods.join(', ')}; at most ${String(epochs)} epochs each`;
}
