/** Datasets that plug-ins read. */
import type { DatasetConfig } from '../../schemas/config/dataset-config.ts';
import type { PluginName } from '../../schemas/config/plugins.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { loadPlugin, partOf } from '../plugins/registry.ts';
import { clipIdOf } from './clip-id.ts';
import type { FoundDataset, IndexOptions } from './dataset-adapter.ts';
import { listFiles } from './list-files.ts';
import { isMediaFile } from './media-files.ts';

/** What a plug-in's dataset is given to work with. */
export const DATASET_KIT = { listFiles, isMediaFile, clipIdOf, ModalmixError } as const;
export type DatasetKit = typeof DATASET_KIT;

export type PluginDatasetConfig = Extract<DatasetConfig, { format: PluginName }>;

export interface PluginDatasets<Settings> {
  readonly datasets?: Readonly<
    Record<
      PluginName,
      (
        kit: DatasetKit,
        settings: Settings,
        config: PluginDatasetConfig,
        options: IndexOptions,
      ) => Promise<FoundDataset>
    >
  >;
}

/** @throws ModalmixError naming the plug-in, whatever it throws; as `loadPlugin` */
export async function findByPlugin(
  config: PluginDatasetConfig,
  options: IndexOptions,
): Promise<FoundDataset> {
  const { plugin: reference, format } = config;
  if (reference === undefined) {
    throw new ModalmixError('config', `no plug-in brings the dataset format ${format}`, {
      where: 'dataset.format',
      fix: 'Name its file in the config’s "plugins".',
    });
  }
  const read = options.read ?? (() => Promise.reject(new Error('there is no store to read it from')));
  const plugin = await loadPlugin(reference, read);
  type Find = (config: PluginDatasetConfig, options: IndexOptions) => Promise<FoundDataset>;
  const find = partOf(plugin, 'datasets', format, DATASET_KIT) as Find;
  return await find(config, options);
}
