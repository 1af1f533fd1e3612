import { buildShard } from '../pipelines/shards/write/build-shard.ts';
import { progressKeys, type ExtractShardInput, type ExtractShardOutput } from '../schemas/workflows.ts';
import { runStage, type StageContext } from './run-stage.ts';
import type { Services } from './services.ts';

/** Extracts the clips of one shard and writes it. */
export async function extractShard(
  services: Services,
  input: ExtractShardInput,
): Promise<ExtractShardOutput> {
  const { dataset, shardIndex, reportEveryMs } = input;
  const key = progressKeys.shard(shardIndex);
  const stage = async ({ signal, onProgress }: StageContext) => {
    const entry = await buildShard({
      store: services.openStore(input.storeUri),
      name: dataset.name,
      version: dataset.version,
      shardIndex,
      extractor: services.extractor,
      turns: services.turns,
      onProgress,
      signal,
    });
    return { clips: entry.rows + entry.quarantined.length, quarantined: entry.quarantined.length };
  };
  return await runStage(key, stage, reportEveryMs);
}
