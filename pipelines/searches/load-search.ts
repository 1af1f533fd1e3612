/** Reads a search's YAML file; messages name the line, the field and the fix, as those of a run's config. */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { runConfigSchema, type RunConfig } from '../../schemas/config/config.ts';
import { pretrainedOf } from '../../schemas/config/encoder-config.ts';
import { searchConfigSchema, searchFileSchema, type SearchConfig } from '../../schemas/config/search.ts';
import { dotted, lineOf } from '../config/config-problems.ts';
import {
  checkYaml,
  configError,
  openYaml,
  readConfigFile,
  resolvePaths,
  type OpenYaml,
} from '../config/load-config.ts';
import {
  assertBrought,
  namedPartsOf,
  usablePlugins,
  withPlugins,
  type NamedPart,
} from '../config/resolve-plugins.ts';
import { searchProblems } from './check-search.ts';
import { gridSize } from './draw-points.ts';
import { trialRun, trialsOf } from './trial-config.ts';

const USUAL_TRIALS = 16;

export interface LoadedSearch {
  readonly config: SearchConfig;
  /** The base with every default filled in and every path absolute. */
  readonly base: RunConfig;
}

/**
 * @returns the search with every path absolute; all its trainings are ones that the config's schema takes
 * @throws ModalmixError `config` naming every problem with its line and field
 */
export async function loadSearch(file: string): Promise<LoadedSearch> {
  return await parseSearch(await readConfigFile(file), file);
}

/** @throws ModalmixError as `loadSearch` */
export async function parseSearch(text: string, file: string): Promise<LoadedSearch> {
  const yaml = openYaml(text, file);
  const { given, raw, base } = await withBase(yaml);
  const config = searchConfigSchema.parse({
    ...given,
    base: absolute(raw, base),
    trials: given.trials ?? Math.min(USUAL_TRIALS, gridSize(given.space) ?? Infinity),
    methods: [...new Set(given.methods ?? base.training.methods)],
    seeds: [...new Set(given.seeds)],
  });
  const problems = searchProblems(config, base);
  if (problems.length === 0) {
    assertBrought(base.plugins, partsOfTrials(config), file);
    return { config, base };
  }
  throw configError(
    file,
    problems.map(({ path, text: words }) => ({
      ...lineOf(yaml.document, yaml.lines, path),
      field: dotted(path),
      text: words,
    })),
  );
}

const fileBase = z.looseObject({ base: z.string() });

/** The base as it is written, and checked; it lies in the search's file or in one of its own. */
async function withBase(yaml: OpenYaml) {
  const folder = dirname(resolve(yaml.file));
  if (!fileBase.safeParse(yaml.value).success) {
    const given = checkYaml(yaml, searchFileSchema(runConfigSchema));
    const { base: raw } = yaml.value as { readonly base: unknown };
    return { given, raw, base: await readBase(given.base, folder) };
  }
  const given = checkYaml(yaml, searchFileSchema(z.string()));
  const file = resolve(folder, given.base);
  const own = openYaml(await readConfigFile(file), file);
  const base = await readBase(checkYaml(own, runConfigSchema), dirname(file));
  return { given, raw: own.value, base };
}

/** The methods of a base do not matter, those of its trials do. */
async function readBase(given: RunConfig, folder: string): Promise<RunConfig> {
  const base = resolvePaths(given, folder);
  return withPlugins(base, await usablePlugins(base.plugins, folder));
}

/** What any of its trainings names, with the search's own fields. */
function partsOfTrials(config: SearchConfig): NamedPart[] {
  return config.methods.flatMap((method) =>
    trialsOf(config, method).flatMap(({ values }) =>
      namedPartsOf(trialRun(config, method, values)).map((part) =>
        part.kind === 'methods' ? { ...part, field: 'methods' } : part,
      ),
    ),
  );
}

const writtenRun = z.looseObject({ training: z.record(z.string(), z.unknown()).default({}) });

/** What is written, with the paths, hashes and plug-ins of the checked config, and the names that a group's fields depend on. */
function absolute(raw: unknown, { store, dataset, training, plugins }: RunConfig): unknown {
  const run = writtenRun.parse(raw);
  const { encoder } = run.training;
  const pretrained = pretrainedOf(training.encoder);
  return {
    ...run,
    store,
    dataset,
    ...(plugins === undefined ? {} : { plugins }),
    training: {
      optimizer: { name: training.optimizer.name },
      schedule: { name: training.schedule.name },
      ...run.training,
      ...(Object.keys(pretrained).length === 0
        ? {}
        : { encoder: { ...(encoder as object | undefined), pretrained } }),
    },
  };
}
