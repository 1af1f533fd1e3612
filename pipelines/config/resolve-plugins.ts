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

/** A place in a config that names a part, and the name. */
export interface NamedPart {
  readonly kind: PluginKind;
  /** For messages. */
  readonly field: string;
  /** Undefined: the default, which is built in. */
  readonly name: string | undefined;
}

/**
 * Notes of each plug-in the hash of its code and the names it brings.
 *
 * @param folder where relative paths start
 * @throws ModalmixError `config` when a plug-in cannot be used, two bring one name, or the config has a name that none
 *   brings
 */
export async function resolvePlugins(config: RunConfig, folder: string): Promise<RunConfig> {
  const plugins = await usablePlugins(config.plugins, folder);
  assertBrought(plugins, namedPartsOf(config), config.name);
  return withPlugins(config, plugins);
}

/**
 * As `resolvePlugins`, of plug-ins alone.
 *
 * @throws ModalmixError `config` when one cannot be used, or two bring one name
 */
export async function usablePlugins(
  given: readonly PluginConfig[] | undefined,
  folder: string,
): Promise<PluginConfig[] | undefined> {
  if (given === undefined) return undefined;
  const plugins = await Promise.all(given.map(async (one) => await resolved(one, folder)));
  const bringer = new Map<string, string>();
  for (const { file, brings = {} } of plugins) {
    for (const [kind, names] of Object.entries(brings)) {
      for (const name of names) {
        const other = bringer.get(`${kind} ${name}`);
        if (other !== undefined) {
          throw new ModalmixError('config', `${other} and ${file} both bring ${name}`, { where: 'plugins' });
        }
        bringer.set(`${kind} ${name}`, file);
      }
    }
  }
  return plugins;
}

/** @throws ModalmixError `config` for a plug-in's name that none of them brings */
export function assertBrought(
  plugins: readonly PluginConfig[] = [],
  parts: readonly NamedPart[],
  where: string,
): void {
  for (const { kind, field, name } of parts) {
    if (!isPluginName(name)) continue;
    const known = plugins.flatMap(({ brings }) => brings?.[kind] ?? []);
    if (known.includes(name)) continue;
    throw new ModalmixError('config', `${field}: no plug-in brings ${name}`, {
      where,
      fix:
        known.length === 0
          ? `Name the file of one that brings it in "plugins".`
          : `The plug-ins bring ${known.join(', ')}.`,
    });
  }
}

/** A run's config with these plug-ins, which bring all that it names. */
export function withPlugins(config: RunConfig, plugins: PluginConfig[] | undefined): RunConfig {
  if (plugins === undefined) return config;
  return { ...config, plugins, dataset: withPlugin(config.dataset, plugins) };
}

/** The work that lists clips knows the dataset's part of the config alone. */
export function withPlugin(dataset: DatasetConfig, plugins: readonly PluginConfig[] = []): DatasetConfig {
  const { format } = dataset;
  if (!isPluginName(format)) return dataset;
  const plugin = plugins.find(({ brings }) => brings?.datasets?.includes(format));
  if (plugin === undefined) return dataset;
  const { file, sha256, settings } = plugin;
  return { ...dataset, plugin: { name: basename(file), sha256: sha256!, settings } } as DatasetConfig;
}

/** What a run's config names where a plug-in's part may stand. */
export function namedPartsOf({ training, dataset }: RunConfig): NamedPart[] {
  const { methods, encoder, fusion, optimizer } = training;
  return [
    ...methods.map((name) => ({ kind: 'methods', field: 'training.methods', name }) as const),
    { kind: 'encoders', field: 'training.encoder.kind', name: encoder.kind },
    { kind: 'fusions', field: 'training.fusion', name: fusion },
    { kind: 'optimizers', field: 'training.optimizer.name', name: optimizer.name },
    { kind: 'datasets', field: 'dataset.format', name: dataset.format },
  ];
}

async function resolved(
  { file: given, settings, sha256: expected }: PluginConfig,
  folder: string,
): Promise<PluginConfig> {
  const file = resolve(folder, given);
  const sha256 = await bundlePlugin(file);
  if (expected !== undefined && expected !== sha256) {
    throw new ModalmixError('config', `plugins: the code is ${sha256}, and the config is of ${expected}`, {
      where: file,
      fix: 'Restore the file, or leave sha256 out to train with this one.',
    });
  }
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
