import { describeEngine, gatherProvenance } from '../pipelines/evaluation/report/provenance.ts';
import { writeReport } from '../pipelines/evaluation/report/write-report.ts';
import { loadManifest } from '../pipelines/shards/manifest/load-manifest.ts';
import type { Store } from '../pipelines/store/store.ts';
import { getStored } from '../pipelines/store/stored-json.ts';
import { trainingSpecs } from '../pipelines/training/training-spec.ts';
import { storePaths } from '../schemas/names.ts';
import { trainingResultSchema } from '../schemas/training.ts';
import {
  progressKeys,
  type DatasetReference,
  type WriteReportInput,
  type WriteReportOutput,
} from '../schemas/workflows.ts';
import { readRunConfig } from './run-config.ts';
import { runStage } from './run-stage.ts';
import type { Services } from './services.ts';

/** Writes the run's summary and its HTML report. */
export async function writeRunReport(
  services: Services,
  input: WriteReportInput,
): Promise<WriteReportOutput> {
  return await runStage(progressKeys.report, async () => {
    return await reportOf(services.openStore(input.storeUri), input.runId, input.dataset);
  });
}

/**
 * Everything a run's report is made of is in the store.
 *
 * @throws ModalmixError `input` when one of the run's trainings is not trained or not evaluated
 */
export async function reportOf(
  store: Store,
  runId: string,
  dataset: DatasetReference,
): Promise<WriteReportOutput> {
  const config = await readRunConfig(store, runId);
  const trainings = trainingSpecs(config, dataset);
  const first = storePaths.trainingResult(trainings[0]?.trainingId ?? '');
  const { environment } = await getStored(store, first, trainingResultSchema);
  await writeReport({
    store,
    runId,
    title: config.name,
    config,
    trainings,
    manifest: await loadManifest(store, dataset.name, dataset.version),
    provenance: await gatherProvenance(describeEngine(environment), `modalmix report ${runId}`),
  });
  return { report: storePaths.report(runId), summary: storePaths.summary(runId) };
}
