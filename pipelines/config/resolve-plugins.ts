/** The plug-ins of a config, when it is read: bundled, loaded, and asked what they bring. */
import { basename, resolve } from 'node:path';
import type { RunConfig } from '../../schemas/config/config.ts';
import type { DatasetConfig } from '../../schemas/config/dataset-config.ts';
import {
  isPluginName,
  PLUGIN_KINDS,
  type PluginConfig,
  type PluginKind,
  type PluginName,
} from '../../schemas/config/plugins.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { bundlePlugin } from '../plugins/plugin-code.ts';
import { loadPlugin } from '../plugins/registry.ts';

/**
 * Notes of each plug-in the hash of its code and the names it brings.
 *
 * @param folder where relative paths start
 * @throws ModalmixError `config` when a plug-in cannot be used, two bring one name, or the config has a name that none
 *   brings
 */
export async function resolvePlugins(config: RunConfig, folder: string): Promise<RunConfig> {
  const plugins = await Promise.all((config.plugins ?? []).map(async (one) => await resolved(one, folder)));
  const bringer = new Map<string, string>();
  for (const { file, brings = {} } of plugins) {
    for (const [kind, name] of Object.entries(brings).flatMap(([of, names]) =>
      names.map((one) => [of, one]),
    )) {
      const key = `${kind!} ${name!}`;
      const other = bringer.get(key);
      if (other !== undefined) {
        throw new ModalmixError('config', `${other} and ${file} both bring ${name!}`, { where: 'plugins' });
      }
      bringer.set(key, file);
    }
  }
  for (const [kind, field, name] of pluginNamesOf(config)) {
    if (bringer.has(`${kind} ${name}`)) continue;
    const known = plugins.flatMap(({ brings }) => brings?.[kind] ?? []);
    throw new ModalmixError('config', `${field}: no plug-in brings ${name}`, {
      where: config.name,
      fix:
        known.length === 0
          ? `Name the file of one that brings it in "plugins".`
          : `The plug-ins bring ${known.join(', ')}.`,
    });
  }
  if (config.plugins === undefined) return config;
  return { ...config, plugins, dataset: withPlugin(config.dataset, plugins) };
}

/** The work that lists clips knows the dataset's part of the config alone. */
function withPlugin(dataset: DatasetConfig, plugins: readonly PluginConfig[]): DatasetConfig {
  const { format } = dataset;
  if (!isPluginName(format)) return dataset;
  const { file, sha256, settings } = plugins.find(({ brings }) => brings?.datasets?.includes(format))!;
  return { ...dataset, plugin: { name: basename(file), sha256: sha256!, settings } } as DatasetConfig;
}

/** The names of plug-ins' parts that a config has, with their kind and field. */
function pluginNamesOf({ training, dataset }: RunConfig): (readonly [PluginKind, string, PluginName])[] {
  const { methods, encoder, fusion, optimizer } = training;
  const named: (readonly [PluginKind, string, string | undefined])[] = [
    ...methods.map((name) => ['methods', 'training.methods', name] as const),
    ['encoders', 'training.encoder.kind', encoder.kind],
    ['fusions', 'training.fusion', fusion],
    ['optimizers', 'training.optimizer.name', optimizer.name],
    ['datasets', 'dataset.format', dataset.format],
  ];
  return named.flatMap(([kind, field, name]) => (isPluginName(name) ? [[kind, field, name] as const] : []));
}

async function resolved({ file: given, settings }: PluginConfig, folder: string): Promise<PluginConfig> {
  const file = resolve(folder, given);
  const sha256 = await bundlePlugin(file);
  const reference = { name: basename(file), sha256, settings };
  const { parts } = await loadPlugin(reference, () => Promise.reject(new Error('it was just bundled')));
  const brings = Object.fromEntries(
    PLUGIN_KINDS.flatMap((kind) => {
      const names = Object.keys(parts[kind] ?? {}) as PluginName[];
      return names.length === 0 ? [] : [[kind, names] as const];
    }),
  );
  return { file, settings, sha256, brings };
}
