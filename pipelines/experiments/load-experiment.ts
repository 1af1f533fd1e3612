/** Reads an experiment's YAML file; messages name the line, the field and the fix, as those of a run's config. */
import { dirname, resolve } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';
import { experimentConfigSchema, type ExperimentConfig } from '../../schemas/config/experiment.ts';
import type { Folds } from '../../schemas/config/folds.ts';
import { parseYaml, readConfigFile, resolveDataset, resolvePaths } from '../config/load-config.ts';
import {
  assertBrought,
  namedPartsOf,
  usablePlugins,
  withPlugin,
  withPlugins,
  type NamedPart,
} from '../config/resolve-plugins.ts';
import { groupsOf } from './matrix.ts';

/**
 * @param set what the command line sets in it, e.g. `base.training.epochs=3`
 * @returns the config with every default filled in and every path absolute
 * @throws ModalmixError `config` naming every problem with its line and field, or a method that fits nowhere
 */
export async function loadExperiment(file: string, set: readonly string[] = []): Promise<ExperimentConfig> {
  const config = parseExperiment(await readConfigFile(file), file, set);
  return await resolveExperimentPlugins(config, file);
}

/** The base's plug-ins are there for all that the matrix names. */
async function resolveExperimentPlugins(config: ExperimentConfig, file: string): Promise<ExperimentConfig> {
  const { base, datasets, methods, fusions = [] } = config;
  const plugins = await usablePlugins(base.plugins, dirname(resolve(file)));
  // What the matrix has in the base's place does not matter there.
  const own = namedPartsOf(base).filter(
    ({ kind }) =>
      kind !== 'methods' &&
      !(kind === 'fusions' && config.fusions !== undefined) &&
      !(kind === 'datasets' && datasets !== undefined),
  );
  const named: NamedPart[] = [
    ...own.map((part) => ({ ...part, field: `base.${part.field}` })),
    ...methods.map((name) => ({ kind: 'methods', field: 'methods', name }) as const),
    ...fusions.map((name) => ({ kind: 'fusions', field: 'fusions', name }) as const),
    ...(datasets ?? []).map(
      ({ dataset }) => ({ kind: 'datasets', field: 'datasets', name: dataset.format }) as const,
    ),
  ];
  assertBrought(plugins, named, file);
  return {
    ...config,
    base: withPlugins(base, plugins),
    ...(datasets === undefined
      ? {}
      : { datasets: datasets.map((one) => ({ ...one, dataset: withPlugin(one.dataset, plugins) })) }),
  };
}

function resolveFiles(folds: Folds, folder: string): Folds {
  return folds.files === undefined
    ? folds
    : { ...folds, files: folds.files.map((file) => resolve(folder, file)) };
}

/**
 * Without its plug-ins, which are bundled when the file is loaded.
 *
 * @throws ModalmixError as `loadExperiment`
 */
export function parseExperiment(text: string, file: string, set: readonly string[] = []): ExperimentConfig {
  const given = parseYaml(text, file, experimentConfigSchema, set);
  const folder = dirname(resolve(file));
  const config: ExperimentConfig = {
    ...given,
    base: resolvePaths(given.base, folder),
    ...(given.folds === undefined ? {} : { folds: resolveFiles(given.folds, folder) }),
    ...(given.datasets === undefined
      ? {}
      : {
          datasets: given.datasets.map(({ name, dataset, folds }) => ({
            name,
            dataset: resolveDataset(dataset, folder),
            ...(folds === undefined ? {} : { folds: resolveFiles(folds, folder) }),
          })),
        }),
  };
  const groups = groupsOf(config);
  for (const method of config.methods) {
    const reasons = groups.map(({ unfit }) => unfit.find((one) => one.method === method)?.reason);
    if (reasons.some((reason) => reason === undefined)) continue;
    throw new ModalmixError(
      'config',
      `methods: ${method} can be trained nowhere in this matrix; ${reasons[0] ?? ''}`,
      {
        where: file,
        fix: 'Leave it out, or add what it needs.',
      },
    );
  }
  return config;
}
