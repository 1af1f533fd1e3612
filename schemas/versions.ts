/**
 * The version of everything that Modalmix keeps: in a store, in its home, in Temporal. A file of JSON names its own in
 * `formatVersion`, a safetensors or Arrow file in its metadata; what names none is of version 1, and so is each line of a
 * file of lines. A version rises when an earlier release would misread the file; a field that only is new leaves it, as an
 * earlier release refuses what it does not know. docs/upgrades.md says how a format is changed.
 */
import { ModalmixError } from './errors.ts';

/** By kind of file (`pipelines/upkeep/file-kinds.ts` says where each lies): the version that is written. */
export const VERSIONS = {
  cache: 1,
  hint: 1,
  /** 2: a header of fixed size, and a body beside it; 1: both in one file. */
  plan: 2,
  'plan-part': 2,
  /** 2: the sources' hash is a column. */
  shard: 2,
  'shard-entry': 1,
  /** 2: the lists of old shards lie in segments; 1: all stand in it. */
  'stream-manifest': 2,
  'stream-segment': 1,
  'stream-shard': 2,
  'stream-rows': 1,
  /** 2: the shards lie in parts, where there are very many; 1: all stand in it. */
  manifest: 2,
  'manifest-part': 1,
  quarantine: 1,
  plugin: 1,
  config: 1,
  'run-dataset': 1,
  schedule: 1,
  metrics: 1,
  /** 2: its hash holds the tensors' shapes too. */
  checkpoint: 2,
  'best-checkpoint': 1,
  weights: 1,
  result: 1,
  features: 1,
  evaluation: 1,
  summary: 1,
  page: 1,
  tensorboard: 1,
  'model-version': 1,
  'model-move': 1,
  'current-model': 1,
  'window-opening': 1,
  'window-start': 1,
  comparison: 1,
  'window-outcome': 1,
  /** The stream's manifest as it was when the window closed, whole. */
  'window-manifest': 1,
  window: 1,
  'answer-window': 1,
  experiment: 1,
  failure: 1,
  'experiment-summary': 1,
  search: 1,
  rung: 1,
  'search-summary': 1,
  table: 1,
  /** Of the home: who runs where, which streams are kept. */
  state: 1,
  /** A model that was exported, `model.json`. */
  'exported-model': 1,
} as const;
export type Kind = keyof typeof VERSIONS;

/** What is kept was written by a newer release than this one: nothing is wrong with it, and it must not be touched. */
export class NewerVersionError extends ModalmixError {
  /** @param what the version that it has, or the fields that are not known, as the middle of a sentence */
  constructor(what: string, where: string, cause?: unknown) {
    super('config', `it was written by a newer Modalmix: ${what}`, {
      where,
      fix: 'Update this Modalmix, or use another store.',
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** @throws NewerVersionError for a version above `VERSIONS[kind]` */
export function requireKnown(kind: Kind, version: number, where: string): void {
  const newest = VERSIONS[kind];
  if (version <= newest) return;
  throw new NewerVersionError(
    `it has version ${String(version)}, and this one reads up to ${String(newest)}`,
    where,
  );
}

/** Of a value of JSON; whatever names no version is of version 1. */
export function versionOf(content: unknown): number {
  if (typeof content !== 'object' || content === null || !('formatVersion' in content)) return 1;
  const { formatVersion } = content;
  return typeof formatVersion === 'number' && Number.isInteger(formatVersion) ? formatVersion : 1;
}

/** As safetensors name it in their metadata: `modalmix-checkpoint-1`. Undefined for another format than `name`. */
export function versionInFormat(name: string, format: string | undefined): number | undefined {
  const version =
    format?.startsWith(`${name}-`) === true ? Number(format.slice(name.length + 1)) : Number.NaN;
  return Number.isInteger(version) ? version : undefined;
}

const kinds = new WeakMap<object, Kind>();

/** Says which kind of file the schema is of. @returns the schema */
export function stored<Schema extends object>(kind: Kind, schema: Schema): Schema {
  kinds.set(schema, kind);
  return schema;
}

/** Undefined for a schema that no file is of. */
export function kindOfSchema(schema: object): Kind | undefined {
  return kinds.get(schema);
}

interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly keys?: readonly string[];
  readonly errors?: readonly (readonly Issue[])[];
}

/**
 * The fields that a schema does not know, where that is all that is wrong: a release that knows them wrote the file.
 *
 * @param issues of Zod
 */
export function unknownFields(issues: readonly Issue[]): string[] | undefined {
  const found: string[] = [];
  for (const { code, path, keys = [], errors = [] } of issues) {
    if (code === 'unrecognized_keys') {
      found.push(...keys.map((key) => [...path, key].map(String).join('.')));
      continue;
    }
    const inOneForm = errors.map(unknownFields).find((fields) => fields !== undefined);
    if (code !== 'invalid_union' || inOneForm === undefined) return undefined;
    found.push(...inOneForm);
  }
  return found.length === 0 ? undefined : found;
}
