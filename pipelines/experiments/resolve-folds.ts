/** Names the groups that an experiment leaves out one by one, before it is started: what it consists of is then fixed. */
import type { DatasetConfig } from '../../schemas/config/dataset-config.ts';
import type { ExperimentConfig } from '../../schemas/config/experiment.ts';
import type { Folds } from '../../schemas/config/folds.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { groupNames } from '../datasets/folds/split-by-fold.ts';
import { listClips } from '../datasets/index-dataset.ts';
import { datasetsOf } from './folds.ts';

/**
 * @returns the config with `leaveOut: each` of every dataset replaced by its groups, sorted; another one as it is
 * @throws ModalmixError `config` for a dataset with fewer than two groups, or that cannot be listed
 */
export async function resolveFolds(config: ExperimentConfig): Promise<ExperimentConfig> {
  const datasets = datasetsOf(config);
  if (datasets.every(({ folds }) => folds?.leaveOut !== 'each')) return config;
  const resolved = [];
  for (const { name, dataset, folds } of datasets) {
    const known = folds?.leaveOut === 'each' ? await leaveOutEach(dataset, folds, name) : folds;
    resolved.push({ name, dataset, ...(known === undefined ? {} : { folds: known }) });
  }
  const { folds: _, ...rest } = config;
  return { ...rest, datasets: resolved };
}

async function leaveOutEach(dataset: DatasetConfig, folds: Folds, name: string): Promise<Folds> {
  const groups = groupNames((await listClips(dataset)).clips);
  if (groups.length >= 2) return { ...folds, leaveOut: groups };
  throw new ModalmixError(
    'config',
    `folds.leaveOut: the dataset ${name} names ${groups.length === 0 ? 'no groups' : 'one group only'}`,
    { fix: 'Add a column "group" (speaker, source) to the list, or use folds.kFold.' },
  );
}
