import { publishVersion } from '../pipelines/shards/publish-manifest.ts';
import { storePaths } from '../schemas/names.ts';
import {
  progressKeys,
  type DatasetReference,
  type PublishDatasetInput,
  type PublishDatasetOutput,
} from '../schemas/workflows.ts';
import { runStage } from './run-stage.ts';
import type { Services } from './services.ts';

/** Publishes the dataset's version, then notes it as the run's own. */
export async function publishDataset(
  services: Services,
  input: PublishDatasetInput,
): Promise<PublishDatasetOutput> {
  return await runStage(progressKeys.publish, async () => {
    const store = services.openStore(input.storeUri);
    const { name, version } = input.dataset;
    const published = await publishVersion({ store, name, version });
    const reference: DatasetReference = { name, version };
    await store.put(storePaths.runDataset(input.runId), JSON.stringify(reference));
    return published;
  });
}
