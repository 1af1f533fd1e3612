/** The index stage: from a dataset on disk to its list of labelled clips. */
import { stat } from 'node:fs/promises';
import type { DatasetIndex } from '../../schemas/clip.ts';
import type { BuiltInDatasetConfig, DatasetConfig } from '../../schemas/config/dataset-config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { isPluginName } from '../../schemas/config/plugins.ts';
import { cremaD } from './adapters/crema-d.ts';
import { csv } from './adapters/csv.ts';
import { digits } from './adapters/digits.ts';
import { folder } from './adapters/folder.ts';
import { kineticsSounds } from './adapters/kinetics-sounds.ts';
import { ucf101 } from './adapters/ucf-101.ts';
import { assembleIndex } from './assemble-index.ts';
import { LFS_FIX, LFS_PROBLEM, isLfsPointer } from './lfs-pointer.ts';
import { findByPlugin, type PluginDatasetConfig } from './plugin-dataset.ts';
import type { DatasetAdapter, FoundDataset, IndexOptions } from './dataset-adapter.ts';

/** A new format is a schema in `schemas/config/config.ts`, a file in `adapters/` and a line here. */
const ADAPTERS: {
  readonly [Format in BuiltInDatasetConfig['format']]: DatasetAdapter<
    Extract<BuiltInDatasetConfig, { format: Format }>
  >;
} = {
  folder,
  csv,
  'crema-d': cremaD,
  'kinetics-sounds': kineticsSounds,
  'ucf-101': ucf101,
  digits,
};

/**
 * Lists a dataset's clips, sorted by id and unique, each with label and split; what is missing, unlisted
 * or odd is counted in the report. The validation split is cut from train by hash (`split-clips.ts`), never from
 * test; with `fold` all clips are dealt out anew instead. The embedded digits are made first when they are missing.
 * @throws ModalmixError `config`: a missing folder or list, an unknown class, an empty split, a fold that there are
 *   too few groups for; for the
 *   digits also `dependency` and `cancelled`
 */
export async function indexDataset(config: DatasetConfig, options: IndexOptions = {}): Promise<DatasetIndex> {
  const found = await listClips(config, options);
  await refusePointers(found);
  return assembleIndex(config.format, found, config.validationShare, config.fold);
}

/** A clone without its media: one look at the first, the middle and the last clip tells before anything is read. */
async function refusePointers({ clips }: FoundDataset): Promise<void> {
  const looked = new Set([0, clips.length >> 1, clips.length - 1].flatMap((at) => clips[at] ?? []));
  for (const { path } of looked) {
    const facts = await stat(path).catch(() => undefined);
    if (facts?.isFile() !== true || !(await isLfsPointer(path, facts.size))) return;
  }
  const [first] = looked;
  if (first === undefined) return;
  throw new ModalmixError('config', LFS_PROBLEM, { where: first.path, fix: LFS_FIX });
}

/**
 * The clips alone, as the dataset's own layout and lists name them: some may have no split yet, and there
 * may be few. Errors as `indexDataset`, but for the empty split.
 */
export async function listClips(config: DatasetConfig, options: IndexOptions = {}): Promise<FoundDataset> {
  if (isPluginDataset(config)) return await findByPlugin(config, options);
  // The table pairs each format with its config; a lookup by a union loses that pairing.
  const adapter = ADAPTERS[config.format] as DatasetAdapter<BuiltInDatasetConfig>;
  return await adapter.findClips(config, options);
}

function isPluginDataset(config: DatasetConfig): config is PluginDatasetConfig {
  return isPluginName(config.format);
}
