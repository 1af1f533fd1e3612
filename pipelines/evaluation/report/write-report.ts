/** Writes a run's report: `summary.json` (the table as data), then the page. */
import type { RunConfig } from '../../../schemas/config/config.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import { summarySchema, type Provenance, type Summary } from '../../../schemas/summary.ts';
import type { TrainingSpec } from '../../../schemas/training.ts';
import type { Store } from '../../store/store.ts';
import { renderPage } from './page.ts';
import { readTraining, type TrainingRecord } from './read-report-input.ts';
import { summarise } from './summarise.ts';

export interface WriteReportInput {
  readonly store: Store;
  readonly runId: string;
  /** The page's heading. */
  readonly title: string;
  readonly config: RunConfig;
  /** Shown in this order; each must have been evaluated. */
  readonly trainings: readonly TrainingSpec[];
  readonly manifest: DatasetManifest;
  readonly provenance: Provenance;
}

export interface WrittenReport {
  /** Within the store. */
  readonly reportPath: string;
  readonly summary: Summary;
}

/**
 * The page is a pure function of what is in the store, the config and the provenance: written again, it has
 * the same bytes.
 *
 * @throws ModalmixError `input` when an evaluation is missing or unreadable
 */
export async function writeReport(input: WriteReportInput): Promise<WrittenReport> {
  const { store, runId, manifest } = input;
  const trainings: TrainingRecord[] = [];
  for (const spec of input.trainings) trainings.push(await readTraining(store, spec));
  const evaluations = trainings.map(({ evaluation }) => evaluation);
  const summary = summarySchema.parse(summarise(runId, manifest, evaluations));
  await store.put(storePaths.summary(runId), `${JSON.stringify(summary, null, 2)}\n`);

  const { title, config, provenance } = input;
  const page = await renderPage({ runId, title, config, manifest, provenance, summary, trainings });
  const reportPath = storePaths.report(runId);
  await store.put(reportPath, page);
  return { reportPath, summary };
}
