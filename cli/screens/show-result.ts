/** The end of a run: what data it used, the table of methods × accuracy and where the report is. */
import { loadManifest } from '../../pipelines/shards/manifest/load-manifest.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { storePaths } from '../../schemas/names.ts';
import { summarySchema } from '../../schemas/summary.ts';
import { dataCounts, dataText } from '../text/data-text.ts';
import { fileToOpen } from '../../runs/file-to-open.ts';
import { resultTable } from '../text/result-table.ts';
import type { Screen } from '../../runs/screen.ts';
import { getStored } from '../../pipelines/store/stored-json.ts';

/** @throws ModalmixError `input` when the run has no report yet */
export async function showResult(
  run: { readonly runId: string; readonly config: { readonly store: string } },
  screen: Screen,
): Promise<void> {
  const store = openStore(run.config.store);
  const summary = await getStored(store, storePaths.summary(run.runId), summarySchema, 'remake');
  const report = await fileToOpen(store, storePaths.report(run.runId));
  const manifest = await loadManifest(store, summary.dataset.name, summary.dataset.version);
  screen.say(`\n${dataText(manifest)}\n\n${resultTable(summary)}\n\nReport: ${report.text}`);
  screen.event('finished', { runId: run.runId, report: report.file, summary, data: dataCounts(manifest) });
}
