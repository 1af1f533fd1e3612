/** Writes what comes out of a search: the table of its trainings, the configs that were found, summary and page. */
import { searchSummarySchema, type SearchSummary } from '../../schemas/config/search.ts';
import type { DatasetReference } from '../../schemas/manifest.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Provenance } from '../../schemas/summary.ts';
import { describeEngine, gatherProvenance } from '../evaluation/report/provenance.ts';
import { loadManifest } from '../shards/manifest/load-manifest.ts';
import type { Store } from '../store/store.ts';
import { collectRung, type CollectedTrial } from './collect-trials.ts';
import { rungsOf } from './halving.ts';
import { readSearch } from './read-search.ts';
import { renderSearch } from './report/page.ts';
import { bestYaml, searchCsv } from './search-files.ts';
import { bestOf, summariseSearch } from './summarise-search.ts';

const COMMAND = 'modalmix search <its file>';

/**
 * All of it follows from what is in the store and the provenance: written again, it has the same bytes.
 *
 * @throws ModalmixError `input` when a record in the store cannot be read
 */
export async function writeSearch(input: {
  readonly store: Store;
  readonly searchId: string;
  readonly dataset: DatasetReference;
  /** Absent: this machine's, and the engine of the first training. */
  readonly provenance?: Provenance;
}): Promise<SearchSummary> {
  const { store, searchId, dataset } = input;
  const { config, base } = await readSearch(store, searchId);
  const rungs = rungsOf(config, base.training.epochs);
  const trials: CollectedTrial[] = [];
  for (const [rung, { epochs }] of rungs.entries()) {
    trials.push(...(await collectRung({ ...input, config, rung, epochs })));
  }
  const { splits } = await loadManifest(store, dataset.name, dataset.version);
  const summary = searchSummarySchema.parse(
    summariseSearch({ searchId, config, dataset, validationClips: splits.validation.rows, rungs, trials }),
  );
  await store.put(storePaths.searchCsv(searchId), searchCsv(config, trials));
  for (const method of config.methods) {
    const [best] = bestOf(
      trials.filter((one) => one.method === method),
      config,
    );
    if (best !== undefined)
      await store.put(storePaths.searchBest(searchId, method), bestYaml(config, searchId, best));
  }
  await store.put(storePaths.searchSummary(searchId), `${JSON.stringify(summary, null, 2)}\n`);
  const provenance = input.provenance ?? (await gatherProvenance(engineOf(trials), COMMAND));
  await store.put(
    storePaths.searchReport(searchId),
    await renderSearch({ config, summary, trials, provenance }),
  );
  return summary;
}

function engineOf(trials: readonly CollectedTrial[]): string {
  const [first] = trials.flatMap(({ trainings }) => trainings.flatMap(({ outcome }) => outcome ?? []));
  return first === undefined ? 'not known: nothing was trained' : describeEngine(first.environment);
}
