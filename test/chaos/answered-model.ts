/** A small model with several versions, trained on a dataset of a stream's own config. */
import { publishDataset } from '../../bench/harness/publish-dataset.ts';
import { loadConfig } from '../../pipelines/config/load-config.ts';
import type { Extractor } from '../../pipelines/extraction/extractor.ts';
import { versionOf } from '../../pipelines/models/open-model.ts';
import { moveCurrent, registerVersion } from '../../pipelines/models/registry.ts';
import { runTraining } from '../../pipelines/training/run-training.ts';
import { trainingSpecs } from '../../pipelines/training/training-spec.ts';
import type { StreamFixture } from '../support/stream-fixture.ts';

/** Of the config whose `training` this is. */
export function trainingOfVersions(versions: number): object {
  return {
    methods: ['b-mm'],
    seeds: Array.from({ length: versions }, (_, seed) => seed),
    epochs: 2,
    batchSize: 4,
    encoder: { width: 4 },
    cropPx: 32,
    optimizer: { name: 'adam' },
    threads: 1,
  };
}

/** Version 1 is current; the others are trained with other seeds. */
export async function makeModel(stream: StreamFixture, model: string, extractor: Extractor): Promise<void> {
  const { store } = stream;
  const config = await loadConfig(stream.configFile);
  const manifest = await publishDataset(store, config, extractor);
  for (const spec of trainingSpecs(config, manifest)) {
    await runTraining({ storeUri: store.uri, spec });
    await registerVersion(store, await versionOf(store, model, spec), new Date());
  }
  await moveCurrent(store, { model, to: 1, by: 'first', reason: 'a test', now: new Date() });
}
