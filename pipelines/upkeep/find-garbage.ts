/**
 * `modalmix gc`: files of a store that nothing needs. What a run, a training, a model, a window, a snapshot, a stream or a frozen
 * range of offsets names is kept, with all that it names in turn. Beside running work: what is younger than the grace time, the
 * newest plan of each kind of features, and every plan of a dataset that a run has begun and not published are kept too.
 */
import { z } from 'zod';
import type { RunConfig } from '../../schemas/config/config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import { storePaths } from '../../schemas/names.ts';
import type { ModelVersion, WindowStart } from '../../schemas/retrain.ts';
import type { StreamHead, StreamManifest, StreamSegment } from '../../schemas/stream.ts';
import type { TrainingResult, TrainingSpec } from '../../schemas/training.ts';
import type { Kind } from '../../schemas/versions.ts';
import { openPlan } from '../shards/plan/plan-file.ts';
import type { Store } from '../store/store.ts';
import { readStore, type ReadManifest, type ReadStore } from './read-store.ts';

export interface Garbage {
  readonly path: string;
  readonly bytes: number;
  /** For a person. */
  readonly why: string;
}

export interface GarbageOptions {
  /** What was written since then is kept. */
  readonly before: Date;
}

/** They name shards of a stream. */
const STREAM_LISTS: ReadonlySet<Kind> = new Set(['stream-manifest', 'window-manifest', 'stream-segment']);

/** Their damage could hide what they name. */
const NAMING_KINDS =
  /^(datasets\/[^/]+\/[^/]+\/manifest|datasets\/[^/]+\/stream\/.*|runs\/[^/]+\/(config|dataset|result)|models\/.*)\.json$/u;

/**
 * @returns by path
 * @throws ModalmixError `input` where a record that names others cannot be read
 */
export async function findGarbage(store: Store, { before }: GarbageOptions): Promise<Garbage[]> {
  const read = await readStore(store);
  const hidden = read.findings.find(
    ({ path, state, hides }) => state === 'newer' || hides !== undefined || NAMING_KINDS.test(path),
  );
  if (hidden !== undefined) {
    throw new ModalmixError(
      'input',
      `a record cannot be read, so what it needs is not known: ${hidden.problem}`,
      {
        where: `${store.uri}/${hidden.path}`,
        fix: 'Run "modalmix verify" and mend what it names first.',
      },
    );
  }
  const needed = await neededFiles(store, read);
  const garbage: Garbage[] = [];
  const consider = async (path: string, why: string) => {
    const at = await store.writtenAt(path);
    if (at === undefined || at >= before) return;
    garbage.push({ path, bytes: (await store.size(path)) ?? 0, why });
  };
  for (const { path, kind } of read.files.values()) {
    const why = needed.has(path) ? undefined : reasonOf(kind.name, path, read);
    if (why !== undefined) await consider(path, why);
  }
  for (const path of await store.list('.tmp')) await consider(path, 'scratch of a process that was killed');
  return garbage.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Deletes what is still to be deleted: a record that has come since may name it. */
export async function collectGarbage(
  store: Store,
  found: readonly Garbage[],
  options: GarbageOptions,
): Promise<Garbage[]> {
  const still = new Set((await findGarbage(store, options)).map(({ path }) => path));
  const gone = found.filter(({ path }) => still.has(path));
  // Entries before shards, manifests before what they name: a reader finds a thing whole or not at all.
  const order = ({ path }: Garbage) => (path.endsWith('.json') ? 0 : 1);
  for (const { path } of [...gone].sort((a, b) => order(a) - order(b))) await store.delete(path);
  return gone;
}

/** @returns undefined for what is kept whether or not something names it */
function reasonOf(kind: string, path: string, { files }: ReadStore): string | undefined {
  switch (kind) {
    case 'manifest':
    case 'manifest-part':
    case 'quarantine':
      return 'a version of a dataset that no run, training, model or snapshot needs';
    case 'shard':
    case 'shard-entry':
      return 'a shard of no version that is needed';
    case 'stream-shard':
    case 'stream-rows':
      return 'a shard that no manifest of the stream names';
    case 'stream-segment':
      return 'a piece that no manifest of the stream names';
    case 'plan':
    case 'plan-part':
      return 'a plan of no version that is needed';
    case 'plugin':
      return 'the code of a plug-in that no run and no training uses';
    case 'checkpoint':
      return files.has(`${path.split('/').slice(0, 2).join('/')}/result.json`)
        ? 'an earlier checkpoint of a training that is complete'
        : undefined;
    default:
      return undefined;
  }
}

async function neededFiles(store: Store, { files, paths }: ReadStore): Promise<ReadonlySet<string>> {
  const needed = new Set<string>();
  const versions = neededVersions([...files.values()]);
  const keepShard = (path: string) => {
    needed.add(path);
    needed.add(path.replace(/\.arrow$/u, '.json'));
  };
  for (const { path, kind, content } of files.values()) {
    if (kind.name === 'manifest') {
      const { name, version, shards, parts } = content as ReadManifest;
      if (!versions.has(key(name, version))) continue;
      needed.add(path).add(storePaths.quarantine(name, version));
      for (const part of parts) needed.add(part.path);
      for (const shard of shards) keepShard(shard.path);
    } else if (STREAM_LISTS.has(kind.name)) {
      for (const { entry, rowsPath } of (content as StreamManifest | StreamSegment).shards) {
        needed.add(entry.path).add(rowsPath);
      }
      const { segments = [], retired = [] } = content as Partial<StreamHead>;
      for (const segment of [...segments, ...retired]) needed.add(segment.path);
    } else if (kind.name === 'config') {
      for (const { sha256 } of (content as RunConfig | TrainingSpec).plugins ?? []) {
        if (sha256 !== undefined) needed.add(storePaths.plugin(sha256));
      }
    } else if (kind.name === 'result') {
      const { trainingId, steps } = content as TrainingResult;
      // Weights that were damaged are made again from it.
      needed.add(storePaths.checkpoint(trainingId, steps));
    }
  }
  for (const plan of await neededPlans(store, { files, paths }, versions)) {
    for (const path of plan.files) needed.add(path);
    for (const path of plan.shards) keepShard(path);
  }
  return needed;
}

const key = (name: string, version: string) => `${name}/${version}`;

type Files = ReadStore['files'];

/** Versions that something names, with those that they were made from. */
function neededVersions(
  files: readonly (Files extends ReadonlyMap<string, infer F> ? F : never)[],
): Set<string> {
  const versions = new Set<string>();
  for (const { kind, content } of files) {
    if (kind.name === 'run-dataset') {
      const { name, version } = content as DatasetManifest;
      versions.add(key(name, version));
    } else if (kind.name === 'config' && 'trainingId' in (content as object)) {
      const { dataset } = content as TrainingSpec;
      versions.add(key(dataset.name, dataset.version));
    } else if (kind.name === 'model-version' || kind.name === 'window-start') {
      const { dataset } = content as ModelVersion | WindowStart;
      versions.add(key(dataset.name, dataset.version));
    } else if (kind.name === 'stream-manifest' || kind.name === 'window-manifest') {
      const { name, baseVersion } = content as StreamManifest;
      if (baseVersion !== undefined) versions.add(key(name, baseVersion));
    }
  }
  // A snapshot names its base, which may be a snapshot itself.
  const manifests = files.flatMap(({ kind, content }) =>
    kind.name === 'manifest' ? [content as DatasetManifest] : [],
  );
  for (let size = -1; size !== versions.size;) {
    size = versions.size;
    for (const { name, version, snapshot } of manifests) {
      if (snapshot !== undefined && versions.has(key(name, version)))
        versions.add(key(name, snapshot.baseVersion));
    }
  }
  return versions;
}

interface NeededPlan {
  readonly files: readonly string[];
  readonly shards: readonly string[];
}

/** Of needed versions (the next rebuild takes rows from their shards), and of rebuilds that may be at work. */
async function neededPlans(
  store: Store,
  { files, paths }: Pick<ReadStore, 'files' | 'paths'>,
  versions: ReadonlySet<string>,
): Promise<NeededPlan[]> {
  const latest = new Set<string>();
  const begun = new Set<string>();
  for (const { path, kind, content } of files.values()) {
    const name = path.split('/')[1] ?? '';
    if (kind.name === 'hint') {
      const hint = z.looseObject({ version: z.string() }).safeParse(content);
      if (hint.success) latest.add(key(name, hint.data.version));
    } else if (kind.name === 'config' && !('trainingId' in (content as object))) {
      if (!paths.has(storePaths.runDataset(name))) begun.add((content as RunConfig).name);
    }
  }
  const plans: NeededPlan[] = [];
  for (const path of paths) {
    const [, name, version] = /^datasets\/([^/]+)\/plans\/(?!latest-)([^/-]+)\.json(?:l)?$/u.exec(path) ?? [];
    if (name === undefined || version === undefined) continue;
    const isPublished = paths.has(storePaths.manifest(name, version));
    const isNeeded = versions.has(key(name, version)) || latest.has(key(name, version));
    if (!isNeeded && (isPublished || !begun.has(name))) continue;
    const own = [...paths].filter((other) => other.startsWith(path.replace(/\.jsonl?$/u, '')));
    plans.push({ files: own, shards: await shardsOf(store, name, version) });
  }
  return plans;
}

async function shardsOf(store: Store, name: string, version: string): Promise<string[]> {
  const shards: string[] = [];
  try {
    for await (const { split, key: of } of (await openPlan(store, name, version)).places()) {
      shards.push(storePaths.shard(name, split, of));
    }
  } catch (error) {
    // A damaged plan is made anew by whoever needs it.
    if (!(error instanceof ModalmixError && error.kind === 'input')) throw error;
  }
  return shards;
}
