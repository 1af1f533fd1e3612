/** From what a person typed to a checked config: nothing is written before this is through. */
import { stat } from 'node:fs/promises';
import { indexDataset } from '../pipelines/datasets/index-dataset.ts';
import { loadConfig } from '../pipelines/config/load-config.ts';
import { runIdOf } from '../pipelines/config/run-id.ts';
import { openStore, type Store } from '../pipelines/store/store.ts';
import type { RunConfig } from '../schemas/config.ts';
import { storePaths } from '../schemas/names.ts';
import { folderConfig, saveFolderConfig } from './folder-config.ts';
import type { Screen } from './screens/screen.ts';

export interface PreparedRun {
  readonly runId: string;
  readonly config: RunConfig;
  readonly store: Store;
}

/**
 * @param target a config file, or a folder with one folder of clips a class
 * @throws ModalmixError `config` when the config or the dataset it names cannot be used
 */
export async function prepareRun(target: string, screen: Screen): Promise<PreparedRun> {
  if (await isFolder(target)) {
    const made = await folderConfig(target);
    await checkDataset(made.config);
    await saveFolderConfig(made, screen);
    return prepared(made.config);
  }
  const config = await loadConfig(target);
  await checkDataset(config);
  return prepared(config);
}

function prepared(config: RunConfig): PreparedRun {
  return { runId: runIdOf(config), config, store: openStore(config.store) };
}

/** Leaves the config where the workflows find it. */
export async function storeRunConfig({ store, runId, config }: PreparedRun): Promise<void> {
  await store.put(storePaths.runConfig(runId), `${JSON.stringify(config, null, 2)}\n`);
}

/**
 * Finds what the index stage would stumble over (a missing folder, an unknown class, an empty split) before
 * anything is started. The embedded dataset is made by the index stage, and has no such mistakes.
 */
async function checkDataset(config: RunConfig): Promise<void> {
  if (config.dataset.format !== 'digits') await indexDataset(config.dataset);
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
