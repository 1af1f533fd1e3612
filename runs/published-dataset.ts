/** The dataset that a run's last rebuild published. */
import { findRunDataset } from '../pipelines/shards/manifest/load-manifest.ts';
import { ModalmixError } from '../schemas/errors.ts';
import type { DatasetReference } from '../schemas/workflows.ts';
import type { PreparedRun } from './prepare-run.ts';

/**
 * @param target as a person would type it
 * @throws ModalmixError `config` when the run's dataset was never built
 */
export async function publishedDataset(
  { store, runId }: Pick<PreparedRun, 'store' | 'runId'>,
  target: string,
): Promise<DatasetReference> {
  const dataset = await findRunDataset(store, runId);
  if (dataset === undefined) {
    throw new ModalmixError('config', 'its dataset has not been built', {
      where: target,
      fix: `Run "modalmix rebuild ${target}" first, or "modalmix run ${target}" for everything.`,
    });
  }
  return dataset;
}
