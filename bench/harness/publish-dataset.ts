/** A dataset, extracted and published in this process. */
import { indexDataset } from '../../pipelines/datasets/index-dataset.ts';
import type { Extractor } from '../../pipelines/extraction/extractor.ts';
import { buildShard } from '../../pipelines/shards/write/build-shard.ts';
import { planRebuild } from '../../pipelines/shards/plan/plan-rebuild.ts';
import { publishManifest } from '../../pipelines/shards/publish-manifest.ts';
import type { Store } from '../../pipelines/store/store.ts';
import type { RunConfig } from '../../schemas/config/config.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';

export async function publishDataset(
  store: Store,
  { name, dataset, extraction }: Pick<RunConfig, 'name' | 'dataset' | 'extraction'>,
  extractor: Extractor,
): Promise<DatasetManifest> {
  const index = await indexDataset(dataset);
  const target = { store, name };
  const plan = await planRebuild({ ...target, index, extraction, extractorVersion: extractor.version });
  const { version } = plan;
  for (const shardIndex of plan.shardsToBuild) {
    await buildShard({ ...target, version, shardIndex, extractor });
  }
  return await publishManifest({ ...target, version });
}
