/** From a run's config to the plan of its dataset: the clips as they are found now, and their shards. */
import type { RunConfig } from '../../../schemas/config/config.ts';
import { streamDataset } from '../../datasets/index-dataset.ts';
import { inFolder } from '../../store/scratch.ts';
import { planRebuild, type PlanRebuildInput, type ShardPlan } from './plan-rebuild.ts';

export interface PlanFromConfigInput extends Pick<PlanRebuildInput, 'store' | 'onProgress' | 'signal'> {
  readonly config: Pick<RunConfig, 'name' | 'dataset' | 'extraction'>;
  /** Asked for when the clips are known. */
  readonly extractorVersion: () => Promise<string>;
}

/** @throws ModalmixError as `streamDataset` and `planRebuild` */
export async function planFromConfig(input: PlanFromConfigInput): Promise<ShardPlan> {
  const { store, signal, onProgress } = input;
  const { name, dataset, extraction } = input.config;
  const read = async (path: string) => await store.get(path);
  return await inFolder(await store.scratchFolder(), async (folder) => {
    const index = await streamDataset(dataset, { signal, onProgress, read }, { folder });
    const extractorVersion = await input.extractorVersion();
    return await planRebuild({ ...input, name, extraction, index, extractorVersion });
  });
}
