import { experimentConfigSchema, type ExperimentConfig } from '../../schemas/config/experiment.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Store } from '../store/store.ts';
import { getStored } from '../store/stored-json.ts';

/**
 * The config of an experiment, as the command that started it left it in the store.
 *
 * @throws ModalmixError `input` when there is none, or when it is of another release
 */
export async function readExperiment(store: Store, experimentId: string): Promise<ExperimentConfig> {
  const path = storePaths.experimentConfig(experimentId);
  return await getStored(store, path, experimentConfigSchema, 'restart');
}
