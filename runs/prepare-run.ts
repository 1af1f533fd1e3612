/** From what a person typed to a checked config: nothing is written before this is through. */
import { open, stat } from 'node:fs/promises';
import { checkDataset } from '../pipelines/datasets/index-dataset.ts';
import { loadConfig } from '../pipelines/config/load-config.ts';
import { runIdOf } from '../pipelines/config/run-id.ts';
import { pluginCode } from '../pipelines/plugins/plugin-code.ts';
import type { Store } from '../pipelines/store/store.ts';
import { openStore } from '../pipelines/store/open-store.ts';
import type { RunConfig } from '../schemas/config/config.ts';
import { ModalmixError } from '../schemas/errors.ts';
import { storePaths } from '../schemas/names.ts';
import { folderConfig, saveFolderConfig, type FolderConfig } from './folder-config.ts';
import type { Screen } from './screen.ts';

const TARGET_FIX = 'Give the path of a YAML file, or of a folder with one folder of clips a class.';
/** A config begins with text; every media file has a zero byte among its first ones. */
const LOOKED_AT_BYTES = 4_096;

export interface PreparedRun {
  readonly runId: string;
  readonly config: RunConfig;
  readonly store: Store;
}

/**
 * @param target a config file, or a folder with one folder of clips a class
 * @param set what `--set` was given, laid over the config's values
 * @throws ModalmixError `config` when the config or the dataset it names cannot be used
 */
export async function prepareRun(
  target: string,
  screen: Screen,
  set: readonly string[] = [],
): Promise<PreparedRun> {
  const { config, made } = await readTarget(target, set);
  await checkClips(config);
  if (made !== undefined) await saveFolderConfig(made, screen);
  return prepared(config);
}

/**
 * The config of a target, whose dataset is not looked at, and which is not written for a folder.
 * @throws ModalmixError `config` when it cannot be used
 */
export async function readTarget(
  target: string,
  set: readonly string[] = [],
): Promise<{ readonly config: RunConfig; readonly made?: FolderConfig }> {
  const kind = await kindOf(target);
  if (kind === 'nothing') {
    throw new ModalmixError('config', 'there is no such file or folder', { where: target, fix: TARGET_FIX });
  }
  if (kind === 'folder') {
    const made = await folderConfig(target, set);
    return { config: made.config, made };
  }
  if (await isBinary(target)) {
    throw new ModalmixError('config', 'it is not a config file', { where: target, fix: TARGET_FIX });
  }
  return { config: await loadConfig(target, set) };
}

/** @throws ModalmixError `config` when the dataset that the config names cannot be used */
export async function prepareConfig(config: RunConfig): Promise<PreparedRun> {
  await checkClips(config);
  return prepared(config);
}

export function prepared(config: RunConfig): PreparedRun {
  return { runId: runIdOf(config), config, store: openStore(config.store) };
}

/** Leaves the config, and the code of its plug-ins, where workers find them. */
export async function storeRunConfig({ store, runId, config }: PreparedRun): Promise<void> {
  await storePlugins(store, config);
  await store.put(storePaths.runConfig(runId), `${JSON.stringify(config, null, 2)}\n`);
}

/** Leaves the code of a config's plug-ins, which were bundled when it was read, where workers find it. */
export async function storePlugins(
  store: Store,
  { plugins = [] }: Pick<RunConfig, 'plugins'>,
): Promise<void> {
  for (const { file, sha256 = '' } of plugins) {
    const code = pluginCode(sha256);
    if (code === undefined)
      throw new ModalmixError('internal', 'the plug-in was not bundled', { where: file });
    await store.create(storePaths.plugin(sha256), code);
  }
}

/**
 * Finds what the index stage would stumble over (a missing folder, an unknown class, an empty split) before
 * anything is started. The embedded dataset is made by the index stage, and has no such mistakes.
 */
async function checkClips(config: RunConfig): Promise<void> {
  if (config.dataset.format !== 'digits') await checkDataset(config.dataset);
}

async function kindOf(path: string): Promise<'folder' | 'file' | 'nothing'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch {
    return 'nothing';
  }
}

async function isBinary(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LOOKED_AT_BYTES));
    return buffer.subarray(0, bytesRead).includes(0);
  } finally {
    await file.close();
  }
}
