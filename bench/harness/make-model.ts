/** A registered model without Temporal: published dataset, trained versions, the first of them current. */
import type { Extractor } from '../../pipelines/extraction/extractor.ts';
import { versionOf } from '../../pipelines/models/open-model.ts';
import { moveCurrent, registerVersion } from '../../pipelines/models/registry.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { runTraining } from '../../pipelines/training/run-training.ts';
import { trainingSpecs } from '../../pipelines/training/training-spec.ts';
import type { RunConfig } from '../../schemas/config/config.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import type { TrainingSpec } from '../../schemas/training.ts';
import { publishDataset } from './publish-dataset.ts';

export interface MadeModel {
  readonly manifest: DatasetManifest;
  /** Of the versions, in their order. */
  readonly specs: readonly TrainingSpec[];
}

/** @param model its name in the registry; each training of the config is a version of it */
export async function makeModel(
  store: Store,
  config: RunConfig,
  extractor: Extractor,
  model: string,
): Promise<MadeModel> {
  const manifest = await publishDataset(store, config, extractor);
  const specs = trainingSpecs(config, manifest);
  for (const spec of specs) {
    await runTraining({ storeUri: store.uri, spec });
    await registerVersion(store, await versionOf(store, model, spec), new Date());
  }
  await moveCurrent(store, { model, to: 1, by: 'first', reason: 'made', now: new Date() });
  return { manifest, specs };
}
