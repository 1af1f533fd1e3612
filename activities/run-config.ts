/** The config of a run, as the command that started it left it in the store. */
import { findRunDataset } from '../pipelines/shards/manifest/load-manifest.ts';
import type { Store } from '../pipelines/store/store.ts';
import { getStored } from '../pipelines/store/stored-json.ts';
import { runConfigSchema, type RunConfig } from '../schemas/config/config.ts';
import { ModalmixError } from '../schemas/errors.ts';
import { storePaths } from '../schemas/names.ts';
import type { DatasetReference } from '../schemas/manifest.ts';

/** @throws ModalmixError `input` when there is none, or when it is of another release */
export async function readRunConfig(store: Store, runId: string): Promise<RunConfig> {
  const path = storePaths.runConfig(runId);
  return await getStored(store, path, runConfigSchema, 'restart');
}

/** The dataset version that the run's last rebuild published. @throws ModalmixError `input` when there is none */
export async function readRunDataset(store: Store, runId: string): Promise<DatasetReference> {
  const found = await findRunDataset(store, runId);
  if (found !== undefined) return found;
  throw new ModalmixError('input', "the run's dataset has not been built", {
    where: `${store.uri}/${storePaths.runDataset(runId)}`,
    fix: 'Run "modalmix rebuild" first, or "modalmix run" for everything.',
  });
}
