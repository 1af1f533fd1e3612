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
import { searchProblems } from './check-search.ts';
import { gridSize } from './draw-points.ts';

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
  if (base.plugins !== undefined) {
    throw configError(file, [{ field: 'base.plugins', text: 'a search takes no plug-ins' }]);
  }
  const config = searchConfigSchema.parse({
    ...given,
    base: absolute(raw, base),
    trials: given.trials ?? Math.min(USUAL_TRIALS, gridSize(given.space) ?? Infinity),
    methods: [...new Set(given.methods ?? base.training.methods)],
    seeds: [...new Set(given.seeds)],
  });
  const problems = searchProblems(config, base);
  if (problems.length === 0) return { config, base };
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
    return { given, raw, base: resolvePaths(given.base, folder) };
  }
  const given = checkYaml(yaml, searchFileSchema(z.string()));
  const file = resolve(folder, given.base);
  const own = openYaml(await readConfigFile(file), file);
  const base = resolvePaths(checkYaml(own, runConfigSchema), dirname(file));
  return { given, raw: own.value, base };
}

const writtenRun = z.looseObject({ training: z.record(z.string(), z.unknown()).default({}) });

/** What is written, with the paths and hashes of the checked config, and the names that a group's fields depend on. */
function absolute(raw: unknown, { store, dataset, training }: RunConfig): unknown {
  const run = writtenRun.parse(raw);
  const { encoder } = run.training;
  const pretrained = pretrainedOf(training.encoder);
  return {
    ...run,
    store,
    dataset,
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
