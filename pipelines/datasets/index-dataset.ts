/** The index stage: from a dataset on disk to its list of labelled clips. */
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
import { inFolder, ownedName } from '../store/scratch.ts';
import { gathered } from '../store/streams.ts';
import type { StreamedIndex } from './clip-stream.ts';
import {
  asFoundClips,
  type DatasetAdapter,
  type FoundClips,
  type IndexOptions,
  type IndexScratch,
  type ListedClip,
} from './dataset-adapter.ts';
import { compareText } from './list-files.ts';

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
 * Lists a dataset's clips, each with an id of its own, label and split; what is missing, unlisted
 * or odd is counted in the report. The validation split is cut from train by hash (`split-clips.ts`), never from
 * test; with `fold` all clips are dealt out anew instead. The embedded digits are made first when they are missing.
 *
 * @param scratch where clips lie that are more than memory should hold, until the caller deletes it
 * @throws ModalmixError `config`: a missing folder or list, an unknown class, an empty split, a fold that there are
 *   too few groups for; for the
 *   digits also `dependency` and `cancelled`
 */
export async function streamDataset(
  config: DatasetConfig,
  options: IndexOptions,
  scratch: IndexScratch,
): Promise<StreamedIndex> {
  const found = await findClips(config, options, scratch);
  await refusePointers(found);
  const { format, validationShare, fold } = config;
  return await assembleIndex(found, { format, validationShare, fold, scratch, signal: options.signal });
}

/** Throws what `streamDataset` throws, and keeps nothing. */
export async function checkDataset(config: DatasetConfig, options: IndexOptions = {}): Promise<void> {
  await withScratch((scratch) => streamDataset(config, options, scratch));
}

/** `streamDataset` with all clips in memory, sorted by id. */
export async function indexDataset(config: DatasetConfig, options: IndexOptions = {}): Promise<DatasetIndex> {
  return await withScratch(async (scratch) => {
    const index = await streamDataset(config, options, scratch);
    const clips = await gathered(index.clips.blocks());
    return { ...index, clips: clips.sort((a, b) => compareText(a.clipId, b.clipId)) };
  });
}

/** A clone without its media: one look at the first, the middle and the last clip tells before anything is read. */
async function refusePointers({ samples }: FoundClips): Promise<void> {
  for (const { path } of samples) {
    const facts = await stat(path).catch(() => undefined);
    if (facts?.isFile() !== true || !(await isLfsPointer(path, facts.size))) return;
  }
  const [first] = samples;
  if (first === undefined) return;
  throw new ModalmixError('config', LFS_PROBLEM, { where: first.path, fix: LFS_FIX });
}

export interface ListedDataset {
  readonly classNames: readonly string[];
  /** The same clip may come twice. */
  readonly clips: readonly ListedClip[];
}

/**
 * The clips alone, as the dataset's own layout and lists name them: some may have no split yet, and there
 * may be few. Errors as `indexDataset`, but for the empty split.
 */
export async function listClips(config: DatasetConfig, options: IndexOptions = {}): Promise<ListedDataset> {
  return await withScratch(async (scratch) => {
    const { classNames, blocks } = await findClips(config, options, scratch);
    return { classNames, clips: await gathered(blocks()) };
  });
}

async function findClips(
  config: DatasetConfig,
  options: IndexOptions,
  scratch: IndexScratch,
): Promise<FoundClips> {
  if (isPluginDataset(config)) return asFoundClips(await findByPlugin(config, options));
  // The table pairs each format with its config; a lookup by a union loses that pairing.
  const adapter = ADAPTERS[config.format] as DatasetAdapter<BuiltInDatasetConfig>;
  return asFoundClips(await adapter.findClips(config, options, scratch));
}

async function withScratch<T>(work: (scratch: IndexScratch) => Promise<T>): Promise<T> {
  return await inFolder(join(tmpdir(), ownedName('index')), async (folder) => await work({ folder }));
}

function isPluginDataset(config: DatasetConfig): config is PluginDatasetConfig {
  return isPluginName(config.format);
}
