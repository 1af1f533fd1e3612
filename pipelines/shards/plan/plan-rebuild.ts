/** Decides what a dataset's version consists of, shard by shard, and what of it is there already. */
import { z } from 'zod';
import { availableParallelism } from 'node:os';
import { SPLITS, type Clip, type DatasetIndex, type Split } from '../../../schemas/clip.ts';
import {
  featureShape,
  flowFields,
  hashedExtraction,
  storedFrames,
  type ExtractionConfig,
} from '../../../schemas/config/extraction-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { isFeatures, type FeatureModality } from '../../../schemas/modality.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { ActivityProgress } from '../../../schemas/progress.ts';
import { audioShape } from '../../../schemas/shard.ts';
import type { Store } from '../../store/store.ts';
import { cutShards } from './cut-shards.ts';
import {
  openPlan,
  planExists,
  type OpenPlan,
  writePlan,
  type PlanClip,
  type PlanContent,
  type PlanLine,
} from './plan-file.ts';
import { findShard, findShards } from '../manifest/shard-entries.ts';
import { clipSources } from './clip-sources.ts';
import { contentKey, datasetVersion, digest, shardKey } from './shard-key.ts';
import { combineHashes, NO_STAMP, SourceHashes, type Stamp } from './source-hashes.ts';

export interface PlanRebuildInput {
  readonly store: Store;
  /** The dataset's name in the store. */
  readonly name: string;
  readonly index: DatasetIndex;
  readonly extraction: ExtractionConfig;
  /** `Extractor.version` of the engine that will build the shards. */
  readonly extractorVersion: string;
  /** Clips whose source files are hashed so far. */
  readonly onProgress?: (progress: ActivityProgress) => void;
  readonly signal?: AbortSignal;
  /** Only asks what would be done: neither the plan nor the sources' hashes are written. Default: false. */
  readonly dryRun?: boolean;
  /** Of the dataset's store and name, for a caller that plans it more than once. Default: what the store remembers. */
  readonly hashes?: SourceHashes;
}

/** What came of it; the plan itself is in the store. */
export interface ShardPlan {
  readonly name: string;
  /** The dataset's version, and the plan's id. */
  readonly version: string;
  readonly shards: number;
  /** Indices (0…shards−1) of the shards that `buildShard` still has to build. */
  readonly shardsToBuild: readonly number[];
  readonly clips: number;
  /** Clips of `shardsToBuild` that must be decoded. */
  readonly clipsToExtract: number;
  /** Clips whose rows are already in a shard of this or an earlier version. */
  readonly clipsReused: number;
  /** Clips whose file is gone, empty, too large or cannot be read: they will be quarantined. */
  readonly problems: readonly Pick<PlanClip, 'clipId' | 'path' | 'problem'>[];
  /** Rows of `shardsToBuild`, extracted or taken from another shard. */
  readonly rowsToWrite: number;
  /** Of the shards that are there already: rows, and bytes. */
  readonly rowsThere: number;
  readonly bytesThere: number;
}

const HASHES_AT_A_TIME = 2 * availableParallelism();
const SAVE_EVERY_MS = 120_000;
const PROGRESS_EVERY_MS = 500;
/** How many plans back rows are looked for. */
const PLANS_SEARCHED = 8;
/** Aspect assumed when a row's size is estimated. */
const USUAL_ASPECT = 16 / 9;

/**
 * Hashes the sources and writes the plan. A clip whose file is gone, empty or too large is planned for
 * quarantine. Run twice: the same version, and nothing is written.
 *
 * @throws ModalmixError `config` when the extraction config cannot work, `cancelled` on the signal
 */
export async function planRebuild(input: PlanRebuildInput): Promise<ShardPlan> {
  const { store, name, index, extraction, extractorVersion } = input;
  checkExtraction(extraction);
  const { clips, saved } = await hashSources(input);
  const lines = SPLITS.flatMap((split) =>
    cutShards(clips.get(split) ?? [], maxRowsPerShard(extraction)).map((members) => ({
      split,
      key: shardKey(split, members, { classNames: index.classNames, extraction, extractorVersion }),
      clips: members,
    })),
  );
  const version = datasetVersion(
    { classNames: index.classNames, extraction, extractorVersion },
    lines.map(({ key }) => key),
  );
  const featureKey = digest([featureConfig(extraction), extractorVersion]).slice(0, 16);

  const entries = await findShards(store, name, lines);
  const shardsToBuild = lines.flatMap((_, i) => (entries[i] === undefined ? [i] : []));
  const linesToBuild = shardsToBuild.flatMap((i) => lines[i] ?? []);
  const latestPath = storePaths.latestPlan(name, featureKey);
  const previous = await readLatest(store, latestPath);
  const sameFeatures =
    extraction.disturb === undefined
      ? contentKey
      : // The noise is the clip's own: another clip's row of the same file has another.
        (clip: PlanClip) => JSON.stringify([clip.clipId, contentKey(clip)]);
  await findReusableRows(store, name, previous, linesToBuild, sameFeatures);

  // A plan that is there already has this very content, except for where rows can be taken from.
  const writes = input.dryRun !== true;
  if (writes && (shardsToBuild.length > 0 || (await findPlan(store, name, version)) === undefined)) {
    const before = previous === version ? await previousOf(store, name, version) : previous;
    const content: PlanContent = {
      name,
      version,
      classNames: [...index.classNames],
      extraction,
      extractorVersion,
      featureKey,
      ...(before === undefined ? {} : { previous: before }),
      index: index.report,
    };
    await writePlan(store, content, lines);
  }
  if (writes && previous !== version) await store.put(latestPath, JSON.stringify({ version }));

  await saved;

  const clipsToWrite = linesToBuild.flatMap((line) =>
    line.clips.filter((clip) => clip.problem === undefined),
  );
  const clipsToExtract = clipsToWrite.filter((clip) => clip.reuse === undefined).length;
  const problems = lines.flatMap((line) => line.clips).filter((clip) => clip.problem !== undefined);
  return {
    name,
    version,
    shards: lines.length,
    shardsToBuild,
    clips: index.clips.length,
    clipsToExtract,
    clipsReused: index.clips.length - clipsToExtract - problems.length,
    problems: problems.map(({ clipId, path, problem }) => ({ clipId, path, problem })),
    rowsToWrite: clipsToWrite.length,
    rowsThere: entries.reduce((sum, entry) => sum + (entry?.rows ?? 0), 0),
    bytesThere: entries.reduce((sum, entry) => sum + (entry?.bytes ?? 0), 0),
  };
}

function checkExtraction(extraction: ExtractionConfig): void {
  const { modalities, video, flow } = extraction;
  if (modalities.includes('flow') && flowFields(video.frames, flow) < 1) {
    throw new ModalmixError('config', 'optical flow needs at least two frames', {
      where: 'extraction.video.frames',
      fix: 'Set it to 2 or more, or extraction.flow.neighbours to native, or remove "flow" from extraction.modalities.',
    });
  }
}

/** Of a row with every modality, were its pictures of the usual aspect. */
export function usualRowBytes(extraction: ExtractionConfig): number {
  const { modalities, audio, video, flow } = extraction;
  const [frequencies, times] = audioShape(audio);
  const pixels = video.shortSide * Math.floor(video.shortSide * USUAL_ASPECT);
  return (
    (modalities.includes('audio') ? frequencies * times * (audio.storage === 'float16' ? 2 : 4) : 0) +
    (modalities.includes('rgb') ? storedFrames(video) * pixels * 3 : 0) +
    (modalities.includes('flow') ? flowFields(storedFrames(video), flow) * pixels * 2 : 0) +
    modalities.filter(isFeatures).reduce((sum, name) => sum + vectorBytes(name, extraction), 0)
  );
}

/** Rows of the target size and a third more: shards then lie between about two and four thirds of it. */
function maxRowsPerShard(extraction: ExtractionConfig): number {
  const bytes = usualRowBytes(extraction);
  return Math.max(1, Math.floor((extraction.shard.targetMiB * 2 ** 20 * (4 / 3)) / bytes));
}

function vectorBytes(name: FeatureModality, extraction: ExtractionConfig): number {
  const [frames, dims] = featureShape(name, extraction);
  return frames * dims * Float32Array.BYTES_PER_ELEMENT;
}

interface HashedSources {
  readonly clips: Map<Split, PlanClip[]>;
  /** Done when the hashes are remembered for the next time, which the plan need not wait for. */
  readonly saved: Promise<void>;
}

/** Clips by split, with their sources' hashes; each file is read at most once, and not again while unchanged. */
async function hashSources(input: PlanRebuildInput): Promise<HashedSources> {
  const { store, name, index, extraction, onProgress, signal } = input;
  const hashes = input.hashes ?? (await SourceHashes.open(store, name));
  const save = async () => {
    if (input.dryRun !== true) await hashes.save();
  };
  const total = index.clips.length;
  const planned: PlanClip[] = new Array<PlanClip>(total);
  let next = 0;
  let done = 0;
  let savedAt = Date.now();
  let reportedAt = 0;
  const work = async (): Promise<void> => {
    while (next < total) {
      if (signal?.aborted === true) throw new ModalmixError('cancelled', 'planning was asked to stop');
      const i = next;
      next += 1;
      const clip = index.clips[i];
      if (clip === undefined) continue;
      planned[i] = await planClip(hashes, clip, extraction);
      done += 1;
      const now = Date.now();
      if (now - reportedAt >= PROGRESS_EVERY_MS || done === total) {
        reportedAt = now;
        onProgress?.({ done, total });
      }
      if (now - savedAt >= SAVE_EVERY_MS) {
        savedAt = now;
        await save();
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: HASHES_AT_A_TIME }, work));
  } catch (error) {
    await save();
    throw error;
  }
  const saved = save();
  // Told to whoever awaits it; until then it must not count as unhandled.
  saved.catch(() => undefined);
  const bySplit = new Map<Split, PlanClip[]>(SPLITS.map((split) => [split, []]));
  index.clips.forEach((clip, i) => {
    const member = planned[i];
    if (member !== undefined) bySplit.get(clip.split)?.push(member);
  });
  return { clips: bySplit, saved };
}

async function planClip(hashes: SourceHashes, clip: Clip, extraction: ExtractionConfig): Promise<PlanClip> {
  const { split: _split, ...rest } = clip;
  const maxBytes = extraction.limits.clipMaxMiB * 2 ** 20;
  const facts = await Promise.all(
    clipSources(clip, extraction).map(async ({ path, role }) => ({
      ...{ path, role },
      found: await hashes.hash(path, maxBytes),
    })),
  );
  const parts: string[] = [];
  const stamps: Stamp[] = [];
  for (const { path, role, found } of facts) {
    if (!('problem' in found)) {
      parts.push(role.kind === 'features' ? `${role.name} ${found.sha256}` : found.sha256);
      stamps.push(found.stamp);
      continue;
    }
    const { code, reason } = found.problem;
    if (role.kind === 'media') return { ...rest, sourceSha256: '', stamps: [], problem: { code, reason } };
    if (role.kind === 'features') {
      return { ...rest, sourceSha256: '', stamps: [], problem: { code, reason: `${path}: ${reason}` } };
    }
    // A separate audio file that cannot be used costs the clip its audio, not its pictures.
    parts.push(code);
    stamps.push(NO_STAMP);
  }
  if (parts.length === 0) {
    const reason = 'it has none of the features that are asked for';
    return { ...rest, sourceSha256: '', stamps: [], problem: { code: 'no-streams', reason } };
  }
  return { ...rest, sourceSha256: combineHashes(parts), stamps };
}

/** The part of the config that a row's features depend on. */
function featureConfig(extraction: ExtractionConfig): unknown {
  const { shard: _shard, limits: _limits, ...features } = hashedExtraction(extraction);
  return features;
}

const latestSchema = z.object({ version: z.string() });

async function readLatest(store: Store, path: string): Promise<string | undefined> {
  const bytes = await store.find(path);
  if (bytes === undefined) return undefined;
  try {
    return latestSchema.parse(JSON.parse(bytes.toString('utf8'))).version;
  } catch {
    // It only says whose rows may be copied: without it they are extracted anew.
    return undefined;
  }
}

async function previousOf(store: Store, name: string, version: string): Promise<string | undefined> {
  return (await findPlan(store, name, version))?.header.previous;
}

/** A damaged plan counts as none: this version's is written anew, an earlier one only says whose rows may be copied. */
async function findPlan(store: Store, name: string, version: string): Promise<OpenPlan | undefined> {
  if (!(await planExists(store, name, version))) return undefined;
  try {
    const plan = await openPlan(store, name, version);
    // The header may be there without what it names.
    await plan.places()[Symbol.asyncIterator]().next();
    return plan;
  } catch (error) {
    if (error instanceof ModalmixError && error.kind === 'input') return undefined;
    throw error;
  }
}

async function* linesThatCanBeRead(plan: OpenPlan): AsyncGenerator<PlanLine> {
  try {
    yield* plan.lines();
  } catch (error) {
    if (!(error instanceof ModalmixError && error.kind === 'input')) throw error;
  }
}

/** Sets `reuse` on the clips whose features an earlier version's shard has. */
async function findReusableRows(
  store: Store,
  name: string,
  latest: string | undefined,
  lines: readonly PlanLine[],
  sameFeatures: (clip: PlanClip) => string,
): Promise<void> {
  const wanted = new Map<string, PlanClip[]>();
  for (const clip of lines.flatMap((line) => line.clips)) {
    if (clip.problem !== undefined) continue;
    const key = sameFeatures(clip);
    const same = wanted.get(key);
    if (same === undefined) wanted.set(key, [clip]);
    else same.push(clip);
  }
  let version = latest;
  for (let depth = 0; depth < PLANS_SEARCHED && version !== undefined && wanted.size > 0; depth += 1) {
    const plan = await findPlan(store, name, version);
    if (plan === undefined) return;
    for await (const line of linesThatCanBeRead(plan)) {
      if (wanted.size === 0) break;
      if (!line.clips.some((old) => wanted.has(sameFeatures(old)))) continue;
      const entry = await findShard(store, name, line.split, line.key);
      if (entry === undefined) continue;
      const lost = new Set(entry.quarantined.map(({ clipId }) => clipId));
      for (const old of line.clips) {
        if (lost.has(old.clipId)) continue;
        for (const clip of wanted.get(sameFeatures(old)) ?? []) {
          clip.reuse = { split: line.split, key: line.key, clipId: old.clipId };
        }
        wanted.delete(sameFeatures(old));
      }
    }
    version = plan.header.previous;
  }
}
