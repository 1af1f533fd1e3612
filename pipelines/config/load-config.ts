/** Reads a run's YAML file: parse, check, fill the defaults, make its paths absolute. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import { Document, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { runConfigSchema, type RunConfig } from '../../schemas/config/config.ts';
import type { TrainingConfig } from '../../schemas/config/training-config.ts';
import type { DatasetConfig } from '../../schemas/config/dataset-config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { StreamConfig } from '../../schemas/config/stream-config.ts';
import { describeIssues, type CheckedConfig, type ConfigProblem } from './config-problems.ts';
import { resolvePlugins } from './resolve-plugins.ts';
import { parseSetting, withSettings } from './settings.ts';

/**
 * @param file a YAML file as `schemas/config/config.ts` describes it
 * @param set what the command line sets in it, each `<path>=<value>` (`settings.ts`)
 * @returns the config with every default filled in and every path absolute; of plug-ins their hashes and what they bring
 * @throws ModalmixError `config` naming every problem with its line and field
 */
export async function loadConfig(file: string, set: readonly string[] = []): Promise<RunConfig> {
  const config = parseConfig(await readConfigFile(file), file, set);
  return await resolvePlugins(config, dirname(resolve(file)));
}

/** @throws ModalmixError `config` when there is none, or it cannot be read */
export async function readConfigFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new ModalmixError('config', 'the config file cannot be read', {
      where: file,
      fix: 'Give the path of a YAML file, or of a folder with one folder of clips a class.',
      cause: error,
    });
  }
}

/**
 * @param text YAML
 * @param file where it came from; relative paths in it start at this file's folder
 * @param set see `loadConfig`; a path in it starts where the file's do
 * @throws ModalmixError as `loadConfig`
 */
export function parseConfig(text: string, file: string, set: readonly string[] = []): RunConfig {
  return resolvePaths(parseYaml(text, file, runConfigSchema, set), dirname(resolve(file)));
}

/**
 * A config that no file holds.
 *
 * @param folder where relative paths in it start
 * @throws ModalmixError as `loadConfig`, naming fields alone
 */
export async function resolveConfig(value: unknown, folder: string): Promise<RunConfig> {
  const parsed = runConfigSchema.safeParse(value);
  if (parsed.success) return await resolvePlugins(resolvePaths(parsed.data, folder), folder);
  const document = new Document(value);
  const checked = { value, document, lines: new LineCounter(), settings: [], schema: runConfigSchema };
  const problems = describeIssues(parsed.error.issues, checked);
  throw configError(
    'the config',
    problems.map(({ field, text }) => ({ field, text })),
  );
}

/** A YAML file as it is written, with what finds a field's line, and the settings laid over it. */
export interface OpenYaml extends Omit<CheckedConfig, 'schema'> {
  readonly file: string;
}

/**
 * @param set see `loadConfig`
 * @throws ModalmixError `config` when it is no YAML
 */
export function openYaml(text: string, file: string, set: readonly string[] = []): OpenYaml {
  const settings = set.map(parseSetting);
  const lines = new LineCounter();
  const document = unlessTooDeep(file, () =>
    parseDocument(text, { lineCounter: lines, prettyErrors: false }),
  );
  if (document.errors.length > 0) {
    throw configError(
      file,
      document.errors.map((error) => ({
        line: lines.linePos(error.pos[0]).line,
        field: '',
        text: error.message,
      })),
    );
  }
  const value = unlessTooDeep(file, () => withSettings(plainValue(document, lines, file) ?? {}, settings));
  return { file, value, document, lines, settings };
}

/**
 * Checked by a schema, its defaults filled in; paths are as they are written.
 *
 * @throws ModalmixError `config` naming every problem with its line and field
 */
export function checkYaml<Schema extends z.ZodType>(
  { file, ...yaml }: OpenYaml,
  schema: Schema,
): z.output<Schema> {
  return unlessTooDeep(file, () => {
    const parsed = schema.safeParse(yaml.value);
    if (parsed.success) return parsed.data;
    throw configError(file, describeIssues(parsed.error.issues, { ...yaml, schema }));
  });
}

/** Whatever recurses through a file that is nested ten thousand times runs out of stack. */
function unlessTooDeep<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw configError(file, [{ field: '', text: 'it is nested too deeply' }]);
  }
}

/** @throws ModalmixError as `openYaml` and `checkYaml` */
export function parseYaml<Schema extends z.ZodType>(
  text: string,
  file: string,
  schema: Schema,
  set: readonly string[] = [],
): z.output<Schema> {
  return checkYaml(openYaml(text, file, set), schema);
}

/** @throws ModalmixError `config` for an alias of nothing, and for aliases of aliases without end */
function plainValue(document: Document, lines: LineCounter, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    let offset: number | undefined;
    visit(document, {
      Alias: (_, alias) => {
        if (alias.resolve(document) !== undefined) return undefined;
        offset = alias.range?.[0];
        return visit.BREAK;
      },
    });
    const line = offset === undefined ? {} : { line: lines.linePos(offset).line };
    throw configError(file, [{ ...line, field: '', text: error.message }]);
  }
}

/** One error of all that is wrong in a file. */
export function configError(file: string, problems: readonly ConfigProblem[]): ModalmixError {
  const told = problems.map(({ line, setting, field, text }) => {
    const named = setting === `--set ${field}` ? '' : field;
    const place = [line === undefined ? setting : `line ${String(line)}`, named].filter(Boolean);
    return place.length === 0 ? text : `${place.join(', ')}: ${text}`;
  });
  return new ModalmixError('config', told.length === 1 ? (told[0] ?? '') : `\n  ${told.join('\n  ')}`, {
    where: file,
  });
}

const FILE_SCHEME = 'file:';

/**
 * Makes every path in a config absolute, relative ones starting at `folder`, and notes the hash of each file of
 * pretrained weights.
 *
 * @throws ModalmixError `config` when such a file cannot be read, or does not have the hash that the config names
 */
export function resolvePaths(config: RunConfig, folder: string): RunConfig {
  return {
    ...config,
    store: resolveStore(config.store, folder),
    dataset: resolveDataset(config.dataset, folder),
    training: resolvePretrained(config.training, folder),
    ...(config.stream === undefined ? {} : { stream: resolveStream(config.stream, folder) }),
  };
}

function resolveStore(uri: string, folder: string): string {
  if (!uri.startsWith(FILE_SCHEME) || uri.startsWith(`${FILE_SCHEME}//`)) return uri;
  return FILE_SCHEME + resolve(folder, uri.slice(FILE_SCHEME.length));
}

function resolveStream(stream: StreamConfig, folder: string): StreamConfig {
  const { allowedRoots } = stream;
  if (allowedRoots === undefined) return stream;
  return { ...stream, allowedRoots: allowedRoots.map((root) => resolve(folder, root)) };
}

function resolvePretrained(training: TrainingConfig, folder: string): TrainingConfig {
  const { encoder } = training;
  if (!('pretrained' in encoder) || encoder.pretrained === undefined) return training;
  const pretrained = Object.entries(encoder.pretrained).map(([modality, weights]) => {
    const file = resolve(folder, weights.file);
    const field = `training.encoder.pretrained.${modality}`;
    return [modality, { ...weights, file, sha256: pinnedHash(file, weights.sha256, field) }] as const;
  });
  return { ...training, encoder: { ...encoder, pretrained: Object.fromEntries(pretrained) } };
}

function pinnedHash(file: string, expected: string | undefined, field: string): string {
  let found: string;
  try {
    found = createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch (error) {
    throw new ModalmixError('config', `${field}.file cannot be read`, {
      where: file,
      fix: 'Give a safetensors file; docs/models.md says how to make one of a torchvision model.',
      cause: error,
    });
  }
  if (expected === undefined || expected === found) return found;
  throw new ModalmixError('config', `${field}.sha256 is ${expected}, and the file's is ${found}`, {
    where: file,
    fix: 'Restore the file, or leave sha256 out to train from this one.',
  });
}

const PATH_FIELDS = ['root', 'file', 'trainList', 'testList', 'classList'] as const;

/** Makes a dataset's paths absolute. */
export function resolveDataset(dataset: DatasetConfig, folder: string): DatasetConfig {
  const given: Readonly<Record<string, unknown>> = dataset;
  const resolved = PATH_FIELDS.flatMap((field) => {
    const path = given[field];
    return typeof path === 'string' && !isAbsolute(path) ? [[field, resolve(folder, path)] as const] : [];
  });
  return { ...dataset, ...Object.fromEntries(resolved) };
}
