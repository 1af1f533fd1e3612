import { experimentConfigSchema, type ExperimentConfig } from '../../schemas/config/experiment.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Store } from '../store/store.ts';

/**
 * The config of an experiment, as the command that started it left it in the store.
 *
 * @throws ModalmixError `input` when there is none, or when it is of another release
 */
export async function readExperiment(store: Store, experimentId: string): Promise<ExperimentConfig> {
  const path = storePaths.experimentConfig(experimentId);
  const parsed = experimentConfigSchema.safeParse(JSON.parse((await store.get(path)).toString('utf8')));
  if (parsed.success) return parsed.data;
  throw new ModalmixError('input', 'the experiment was started by another release of Modalmix', {
    where: `${store.uri}/${path}`,
    fix: 'Start it again from its file.',
    cause: parsed.error,
  });
}
