/** Reads an experiment's YAML file; messages name the line, the field and the fix, as those of a run's config. */
import { dirname, resolve } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';
import { experimentConfigSchema, type ExperimentConfig } from '../../schemas/config/experiment.ts';
import type { Folds } from '../../schemas/config/folds.ts';
import { parseYaml, readConfigFile, resolveDataset, resolvePaths } from '../config/load-config.ts';
import { groupsOf } from './matrix.ts';

/**
 * @param set what the command line sets in it, e.g. `base.training.epochs=3`
 * @returns the config with every default filled in and every path absolute
 * @throws ModalmixError `config` naming every problem with its line and field, or a method that fits nowhere
 */
export async function loadExperiment(file: string, set: readonly string[] = []): Promise<ExperimentConfig> {
  return parseExperiment(await readConfigFile(file), file, set);
}

function resolveFiles(folds: Folds, folder: string): Folds {
  return folds.files === undefined
    ? folds
    : { ...folds, files: folds.files.map((file) => resolve(folder, file)) };
}

/** @throws ModalmixError as `loadExperiment` */
export function parseExperiment(text: string, file: string, set: readonly string[] = []): ExperimentConfig {
  const given = parseYaml(text, file, experimentConfigSchema, set);
  const folder = dirname(resolve(file));
  if (given.base.plugins !== undefined) {
    throw new ModalmixError('config', 'an experiment takes no plug-ins', {
      where: file,
      fix: 'Compare them in a run: list methods and seeds in its training.',
    });
  }
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
