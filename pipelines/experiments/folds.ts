/** What an experiment's folds are as datasets. Pure. */
import { basename } from 'node:path';
import type { DatasetConfig } from '../../schemas/config/dataset-config.ts';
import type { ExperimentConfig } from '../../schemas/config/experiment.ts';
import type { Folds } from '../../schemas/config/folds.ts';

export interface FoldDataset {
  /** Absent: the dataset has no folds. */
  readonly fold?: string;
  readonly dataset: DatasetConfig;
}

/** An experiment's datasets with the folds that each has. */
export function datasetsOf({ base, datasets, folds }: ExperimentConfig): {
  readonly name: string;
  readonly dataset: DatasetConfig;
  readonly folds?: Folds | undefined;
}[] {
  const given = datasets ?? [{ name: base.name, dataset: base.dataset }];
  return given.map((one) => ({ ...(folds === undefined ? {} : { folds }), ...one }));
}

/** In the order that the config names them; a group to leave out that is not known yet (`each`) is one fold. */
export function foldsOf(dataset: DatasetConfig, folds: Folds | undefined): FoldDataset[] {
  if (folds === undefined) return [{ dataset }];
  const { files, kFold, leaveOut, seed } = folds;
  if (files !== undefined) {
    return files.map((file) => ({
      fold: basename(file, '.csv'),
      // The schema lets lists stand beside the format csv only.
      dataset: dataset.format === 'csv' ? { ...dataset, file } : dataset,
    }));
  }
  if (kFold !== undefined) {
    return Array.from({ length: kFold }, (_, index) => ({
      fold: `${String(index + 1)} of ${String(kFold)}`,
      dataset: { ...dataset, fold: { of: kFold, index, seed } },
    }));
  }
  const groups = leaveOut === undefined || leaveOut === 'each' ? ['each'] : leaveOut;
  return groups.map((testGroup) => ({
    fold: testGroup,
    dataset: { ...dataset, fold: { testGroup, seed } },
  }));
}
