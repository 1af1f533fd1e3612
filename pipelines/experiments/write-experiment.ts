/** Writes what comes out of an experiment: the runs' reports, the result as Arrow and CSV, the summary, the page. */
import type { DatasetReference } from '../../schemas/manifest.ts';
import { experimentSummarySchema, type ExperimentSummary } from '../../schemas/config/experiment.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Provenance } from '../../schemas/summary.ts';
import { describeEngine, gatherProvenance } from '../evaluation/report/provenance.ts';
import { writeReport } from '../evaluation/report/write-report.ts';
import { loadManifest } from '../shards/manifest/load-manifest.ts';
import type { Store } from '../store/store.ts';
import { collectCells, type CollectedGroup } from './collect-cells.ts';
import { sourceName } from './matrix.ts';
import { readExperiment } from './read-experiment.ts';
import { renderExperiment } from './report/page.ts';
import { resultArrow, resultCsv, resultRows } from './result-rows.ts';
import { summariseExperiment } from './summarise.ts';

export interface WriteExperimentInput {
  readonly store: Store;
  readonly experimentId: string;
  /** In the order of their names in the matrix; null: could not be built. */
  readonly datasets: readonly (DatasetReference | null)[];
  /** Absent: this machine's, and the engine of the first training. */
  readonly provenance?: Provenance;
}

/**
 * All of it follows from what is in the store and the provenance: written again, it has the same bytes.
 *
 * @throws ModalmixError `input` when a record in the store cannot be read
 */
export async function writeExperiment(input: WriteExperimentInput): Promise<ExperimentSummary> {
  const { store, experimentId, datasets } = input;
  const config = await readExperiment(store, experimentId);
  const groups = await collectCells(store, experimentId, config, datasets);
  const cells = groups.flatMap((group) => group.cells);
  const engine = cells.find(({ outcome }) => outcome !== undefined)?.outcome?.result.environment;
  const provenance =
    input.provenance ??
    (await gatherProvenance(
      engine === undefined ? 'not known: nothing was trained' : describeEngine(engine),
      'modalmix experiment <its file>',
    ));
  for (const group of groups) await writeGroup(store, group, provenance);

  const rows = resultRows(cells);
  await store.put(storePaths.experimentArrow(experimentId), resultArrow(rows));
  await store.put(storePaths.experimentCsv(experimentId), resultCsv(rows));
  const summary = experimentSummarySchema.parse(summariseExperiment(experimentId, config, groups));
  await store.put(storePaths.experimentSummary(experimentId), `${JSON.stringify(summary, null, 2)}\n`);
  const page = await renderExperiment({ experimentId, config, groups, summary, provenance });
  await store.put(storePaths.experimentReport(experimentId), page);
  return summary;
}

/** The report of one run of the matrix, with the trainings that are done. */
async function writeGroup(store: Store, group: CollectedGroup, provenance: Provenance): Promise<void> {
  const { runId, config, reference, cells } = group;
  const trainings = cells.flatMap(({ spec, outcome }) =>
    spec === undefined || outcome === undefined ? [] : [spec],
  );
  if (reference === undefined || trainings.length === 0) return;
  await store.put(storePaths.runDataset(runId), JSON.stringify(reference));
  await writeReport({
    store,
    runId,
    title: `${sourceName(group)}, ${group.condition}, ${group.fusion}`,
    config,
    trainings,
    manifest: await loadManifest(store, reference.name, reference.version),
    provenance: { ...provenance, command: `modalmix report ${runId}` },
  });
}
