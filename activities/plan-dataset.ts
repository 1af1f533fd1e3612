import { planFromConfig } from '../pipelines/shards/plan/plan-dataset.ts';
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
    const extractorVersion = async () => (await services.extractor()).version;
    const plan = await planFromConfig({ store, config, extractorVersion, onProgress, signal });
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
