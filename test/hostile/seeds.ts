/** The real files that are mutated: a small store with a dataset, a training and a model, made as a run makes them. */
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { indexDataset } from '../../pipelines/datasets/index-dataset.ts';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import { versionOf } from '../../pipelines/models/open-model.ts';
import { moveCurrent, registerVersion } from '../../pipelines/models/registry.ts';
import { planRebuild } from '../../pipelines/shards/plan/plan-rebuild.ts';
import { publishManifest } from '../../pipelines/shards/publish-manifest.ts';
import { buildShard } from '../../pipelines/shards/write/build-shard.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { trainModel } from '../../pipelines/training/train-model.ts';
import { trainingSpecs } from '../../pipelines/training/training-spec.ts';
import { runConfigSchema } from '../../schemas/config/config.ts';
import { storePaths } from '../../schemas/names.ts';
import { tinyConfig } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

const RUN = 'tiny-run';

/** @param folder is made; `store/` in it is the store */
export async function makeSeeds(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const clips = await makeTinyClips({ clipsPerClass: 4, testShare: 0.5 });
  try {
    const store = openStore(`file:${join(folder, 'store')}`);
    const config = runConfigSchema.parse(tinyConfig(clips, join(folder, 'store'), { epochs: 1 }));
    await store.put(storePaths.runConfig(RUN), JSON.stringify(config));
    const extractor = await createExtractor(console.warn);
    const plan = await planRebuild({
      ...{
        store,
        name: config.name,
        index: await indexDataset(config.dataset),
        extraction: config.extraction,
      },
      extractorVersion: extractor.version,
    });
    const { version } = plan;
    for (const shardIndex of plan.shardsToBuild) {
      await buildShard({ store, name: config.name, version, shardIndex, extractor });
    }
    await publishManifest({ store, name: config.name, version });
    await store.put(storePaths.runDataset(RUN), JSON.stringify({ name: config.name, version }));
    const [spec] = trainingSpecs(config, { name: config.name, version });
    await trainModel({ store, spec: spec!, report: () => undefined, stopRequested: () => false });
    const now = new Date();
    await registerVersion(store, await versionOf(store, 'tiny', spec!), now);
    await moveCurrent(store, { model: 'tiny', to: 1, by: 'first', reason: 'test', now });
  } finally {
    await rm(clips, { recursive: true, force: true });
  }
}
