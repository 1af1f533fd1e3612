import { rm } from 'node:fs/promises';
import { streamDataset } from '../pipelines/datasets/index-dataset.ts';
import { planRebuild, type ShardPlan } from '../pipelines/shards/plan/plan-rebuild.ts';
import { writeShardList } from '../pipelines/shards/plan/shard-list.ts';
import {
  SHARDS_PER_PAGE,
  progressKeys,
  type PlanDatasetOutput,
  type RunReference,
} from '../schemas/workflows.ts';
import { readRunConfig } from './run-config.ts';
import { runStage } from './run-stage.ts';
import type { Services } from './services.ts';

/** Indexes the dataset (the embedded one is made here, when it is missing) and plans its shards. */
export async function planDataset(services: Services, input: RunReference): Promise<PlanDatasetOutput> {
  return await runStage(progressKeys.index, async ({ signal, onProgress }) => {
    const store = services.openStore(input.storeUri);
    const config = await readRunConfig(store, input.runId);
    const scratch = await store.scratchFolder();
    let plan: ShardPlan;
    try {
      const read = async (path: string) => await store.get(path);
      const index = await streamDataset(config.dataset, { signal, onProgress, read }, { folder: scratch });
      plan = await planRebuild({
        ...{ store, name: config.name, index, extraction: config.extraction },
        extractorVersion: (await services.extractor()).version,
        ...{ onProgress, signal },
      });
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
    const { name, version, shardsToBuild } = plan;
    const others = shardsToBuild.slice(SHARDS_PER_PAGE);
    return {
      dataset: { name, version },
      shards: plan.shards,
      shardsToBuild: shardsToBuild.slice(0, SHARDS_PER_PAGE),
      ...(others.length === 0
        ? {}
        : { more: { list: await writeShardList(store, name, version, others), shards: others.length } }),
      clips: plan.clips,
      clipsReused: plan.clipsReused,
    };
  });
}
