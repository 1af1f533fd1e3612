/** From a run's config to what its stream's workers need. */
import { dirname } from 'node:path';
import { listClips } from '../datasets/index-dataset.ts';
import type { SplitShares } from './rows/choose-split.ts';
import type { StreamTarget } from './stream-target.ts';
import type { RunConfig } from '../../schemas/config/config.ts';
import type { DatasetConfig } from '../../schemas/config/dataset-config.ts';
import { streamOf } from '../../schemas/config/stream-config.ts';

export interface StreamSettings {
  readonly target: StreamTarget;
  /** Folders that events may name files in. */
  readonly allowedRoots: readonly string[];
  readonly shares: SplitShares;
}

/**
 * @param extractorVersion of the extractor that the workers use
 * @throws ModalmixError `config` when the dataset, which names the classes, cannot be read
 */
export async function streamSettings(config: RunConfig, extractorVersion: string): Promise<StreamSettings> {
  const { dataset, extraction, name } = config;
  const stream = streamOf(config);
  return {
    target: { name, classNames: await classNamesOf(dataset), extraction, extractorVersion, stream },
    allowedRoots: stream.allowedRoots ?? [rootOf(dataset)],
    shares: {
      test: 'testShare' in dataset ? dataset.testShare : 0,
      validation: dataset.validationShare,
    },
  };
}

/** The dataset's classes, in the order of its labels. */
export async function classNamesOf(dataset: DatasetConfig): Promise<readonly string[]> {
  if ('classes' in dataset && dataset.classes !== undefined) return dataset.classes;
  return (await listClips(dataset)).classNames;
}

function rootOf(dataset: DatasetConfig): string {
  if (dataset.format === 'csv') return dataset.root ?? dirname(dataset.file);
  return dataset.root;
}
