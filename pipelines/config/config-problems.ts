/**
 * Words for what is wrong in a config file: the line, the field, what was found and what is allowed.
 */
import { closest, distance } from 'fastest-levenshtein';
import { isCollection, isMap, isPair, isScalar, type Document, type LineCounter } from 'yaml';
import { z } from 'zod';
import { isPluginName } from '../../schemas/config/plugins.ts';
import { settingAt, type Setting } from './settings.ts';

export interface ConfigProblem {
  /** From 1; absent where the file has no place for it. */
  readonly line?: number;
  /** `--set training.epochs`: it is not the file's. */
  readonly setting?: string;
  /** Dotted, e.g. `training.optimizer.learningRate`; empty for the whole file. */
  readonly field: string;
  readonly text: string;
}

export type Path = readonly PropertyKey[];

/** What issues are about. */
export interface CheckedConfig {
  /** The parsed YAML, with the settings laid over it. */
  readonly value: unknown;
  readonly document: Document;
  readonly lines: LineCounter;
  readonly settings: readonly Setting[];
  /** That found them. */
  readonly schema: z.ZodType;
}

export function describeIssues(issues: readonly z.core.$ZodIssue[], config: CheckedConfig): ConfigProblem[] {
  const problems = issues
    .flatMap((issue) => unfolded(issue, config.value))
    .flatMap((issue) => describeIssue(issue, config));
  // A misspelt field is one mistake, though the schema also misses the field that was meant.
  const meant = new Set(problems.map((problem) => problem.meant).filter((field) => field !== undefined));
  return problems
    .filter((problem) => !(problem.missing === true && meant.has(problem.field)))
    .map(({ missing: _missing, meant: _meant, ...problem }) => problem)
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

/**
 * Where plug-ins may bring more, a value is one of ours or one of theirs: what is wrong is told of the one that it was
 * meant for.
 */
function unfolded(issue: z.core.$ZodIssue, value: unknown): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length !== 2) return [issue];
  const [ours = [], theirs = []] = issue.errors;
  const isTheirs = isPluginPart(valueAt(value, issue.path));
  const isNoPluginName = (one: z.core.$ZodIssue) =>
    (one.code === 'invalid_format' && one.format === 'template_literal') ||
    (one.code === 'invalid_type' && one.path.length === 1 && SAYS_WHAT_IT_IS.includes(String(one.path[0])));
  if (!isTheirs && !theirs.some(isNoPluginName)) return [issue];
  return (isTheirs ? theirs : ours).flatMap((one) =>
    unfolded({ ...one, path: [...issue.path, ...one.path] }, value),
  );
}

const SAYS_WHAT_IT_IS = ['kind', 'name', 'format'];

/** Named itself, or by its field that says what it is. */
function isPluginPart(value: unknown): boolean {
  const names = [value, ...SAYS_WHAT_IT_IS.map((field) => valueAt(value, [field]))];
  return names.some((name) => typeof name === 'string' && isPluginName(name));
}

interface Described extends ConfigProblem {
  readonly missing?: boolean;
  /** The field that a misspelt one stands for. */
  readonly meant?: string;
}

function describeIssue(issue: z.core.$ZodIssue, config: CheckedConfig): Described[] {
  const { value, schema } = config;
  if (issue.code === 'unrecognized_keys') {
    const allowed = fieldsAt(schema, issue.path, value);
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      const near = nearest(key, allowed);
      return {
        ...placeOf(path, config),
        field: dotted(path),
        text:
          near === undefined
            ? `there is no such field; allowed: ${allowed.join(', ')}`
            : `there is no such field; did you mean "${near}"?`,
        ...(near === undefined ? {} : { meant: dotted([...issue.path, near]) }),
      };
    });
  }
  const found = valueAt(value, issue.path);
  const missing = found === undefined;
  return [
    {
      ...placeOf(issue.path, config),
      field: dotted(issue.path),
      text: missing
        ? `is missing; ${expectation(issue)}`
        : `is ${shown(found)}; ${expectation(issue, found)}`,
      missing,
    },
  ];
}

function expectation(issue: z.core.$ZodIssue, found?: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return `it must be ${TYPE_WORDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return oneOf(issue.values.map(String), found);
    case 'invalid_union': {
      const given: unknown[] = 'options' in issue && Array.isArray(issue.options) ? issue.options : [];
      const options = given.filter((option) => option !== undefined).map(String);
      if (options.length > 0) return oneOf(options, found);
      // A union that says what it wants, with fixed words among it.
      if (issue.message === 'Invalid input') return 'it has none of the allowed forms';
      const words = issue.errors
        .flat()
        .flatMap((inner) => (inner.code === 'invalid_value' ? inner.values : []));
      const near = typeof found === 'string' ? nearest(found, words.map(String)) : undefined;
      return near === undefined ? `it ${issue.message}` : `did you mean "${near}"? It ${issue.message}`;
    }
    case 'too_small':
      return issue.origin === 'array' || issue.origin === 'string'
        ? `its length must be at least ${String(issue.minimum)}`
        : `it must be ${issue.inclusive === true ? 'at least' : 'more than'} ${String(issue.minimum)}`;
    case 'too_big':
      return `it must be ${issue.inclusive === true ? 'at most' : 'less than'} ${String(issue.maximum)}`;
    default:
      return issue.message;
  }
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list, e.g. [a, b]',
  object: 'a group of fields',
};

function oneOf(options: readonly string[], found: unknown): string {
  const near = typeof found === 'string' ? nearest(found, options) : undefined;
  const allowed = `allowed: ${options.join(', ')}`;
  return near === undefined ? allowed : `did you mean "${near}"? ${allowed}`;
}

/** The option that `word` is probably a misspelling of, or undefined. */
export function nearest(word: string, options: readonly string[]): string | undefined {
  if (options.length === 0) return undefined;
  const near = closest(word.toLowerCase(), options);
  const tolerated = Math.max(2, Math.floor(word.length / 3));
  return distance(word.toLowerCase(), near.toLowerCase()) <= tolerated ? near : undefined;
}

/** The names of the fields that the schema allows at `path`, given the value (which chooses a union's arm). */
function fieldsAt(schema: z.core.$ZodType, path: Path, value: unknown): string[] {
  let here = unwrap(schema, value);
  let below: unknown = value;
  for (const key of path) {
    below = valueAt(below, [key]);
    if (here instanceof z.ZodObject) {
      const next: unknown = here.shape[String(key)];
      if (!(next instanceof z.ZodType)) return [];
      here = unwrap(next, below);
    } else if (here instanceof z.ZodArray) {
      here = unwrap(here.element, below);
    } else if (here instanceof z.ZodRecord) {
      here = unwrap(here.valueType, below);
    } else return [];
  }
  return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
}

function unwrap(schema: z.core.$ZodType, value: unknown): z.core.$ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return unwrap(schema.unwrap(), value);
  }
  if (schema instanceof z.ZodPipe) return unwrap(schema.out, value);
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const { discriminator } = schema.def;
    const chosen = valueAt(value, [discriminator]);
    const arm = schema.options.find(
      (option) =>
        option instanceof z.ZodObject &&
        option.shape[discriminator] instanceof z.ZodType &&
        option.shape[discriminator].safeParse(chosen).success,
    );
    return arm ?? schema;
  }
  if (schema instanceof z.ZodUnion && schema.options.length === 2) {
    const [ours, theirs] = schema.options;
    return unwrap((isPluginPart(value) ? theirs : ours)!, value);
  }
  return schema;
}

function valueAt(value: unknown, path: Path): unknown {
  let here = value;
  for (const key of path) {
    if (here === null || typeof here !== 'object') return undefined;
    here = (here as Record<PropertyKey, unknown>)[key];
  }
  return here;
}

/** The setting that it is from, else the line of the field itself, else of the nearest group around it. */
function placeOf(
  path: Path,
  { document, lines, settings }: CheckedConfig,
): Pick<ConfigProblem, 'line' | 'setting'> {
  const setting = settingAt(path, settings);
  // A group that the file has too is the file's, with something set in it.
  const own = setting !== undefined && setting.path.length > path.length && !lacks(document, path);
  if (setting !== undefined && !own) return { setting: setting.name };
  return lineOf(document, lines, path);
}

/** The line of the field itself, else of the nearest group around it. */
export function lineOf(document: Document, lines: LineCounter, path: Path): { line?: number } {
  for (let length = path.length; length > 0; length -= 1) {
    const offset = offsetOf(document, path.slice(0, length));
    if (offset !== undefined) return { line: lines.linePos(offset).line };
  }
  return {};
}

/** Whether the file has no group or list at a path. */
function lacks(document: Document, path: Path): boolean {
  return !isCollection(document.getIn(path, true));
}

function offsetOf(document: Document, path: Path): number | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const key = path.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
    return isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
  }
  const node = document.getIn(path, true);
  return isScalar(node) || isMap(node) ? node.range?.[0] : undefined;
}

const SHOWN_CHARACTERS = 60;

/** A value as it is told in a message. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

/** `training.methods[0]` */
export function dotted(path: Path): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number'
        ? `${text}[${String(key)}]`
        : text === ''
          ? String(key)
          : `${text}.${String(key)}`,
    '',
  );
}
