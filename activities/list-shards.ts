import { readShardList } from '../pipelines/shards/plan/shard-list.ts';
import { progressKeys, type ListShardsInput, type ListShardsOutput } from '../schemas/workflows.ts';
import { runStage } from './run-stage.ts';
import type { Services } from './services.ts';

/** Looks up which shards come next. */
export async function listShards(services: Services, input: ListShardsInput): Promise<ListShardsOutput> {
  const { dataset, list, from, count } = input;
  return await runStage(progressKeys.shardList, async () => ({
    shards: await readShardList(services.openStore(input.storeUri), { ...dataset, list }, from, count),
  }));
}
