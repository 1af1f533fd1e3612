/** Decides what a dataset's version consists of, shard by shard, and what of it is there already. */
import { SPLITS, type DatasetIndex, type Split } from '../../../schemas/clip.ts';
import {
  flowFields,
  hashedExtraction,
  type ExtractionConfig,
} from '../../../schemas/config/extraction-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { ActivityProgress } from '../../../schemas/progress.ts';
import type { Store } from '../../store/store.ts';
import { findShards } from '../manifest/shard-entries.ts';
import { cutShards } from './cut-shards.ts';
import { hashClips } from './hash-clips.ts';
import { writePlan, type PlanClip, type PlanContent } from './plan-file.ts';
import { findPlan, findReusableRows, previousOf, readLatest } from './reusable-plans.ts';
import { maxRowsPerShard } from './row-bytes.ts';
import { contentKey, digest, shardKey, VersionHash } from './shard-key.ts';
import type { SourceHashes } from './source-hashes.ts';

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

/**
 * Hashes the sources and writes the plan. A clip whose file is gone, empty or too large is planned for
 * quarantine. Run twice: the same version, and nothing is written.
 *
 * @throws ModalmixError `config` when the extraction config cannot work, `cancelled` on the signal
 */
export async function planRebuild(input: PlanRebuildInput): Promise<ShardPlan> {
  const { store, name, index, extraction, extractorVersion } = input;
  checkExtraction(extraction);
  const { clips, saved } = await hashClips(input);
  const bySplit = new Map<Split, PlanClip[]>(SPLITS.map((split) => [split, []]));
  for (const [i, clip] of clips.entries()) bySplit.get(index.clips[i]!.split)?.push(clip);
  const lines = SPLITS.flatMap((split) =>
    cutShards(bySplit.get(split) ?? [], maxRowsPerShard(extraction)).map((members) => ({
      split,
      key: shardKey(split, members, { classNames: index.classNames, extraction, extractorVersion }),
      clips: members,
    })),
  );
  const hash = new VersionHash({ classNames: index.classNames, extraction, extractorVersion });
  for (const { key } of lines) hash.add(key);
  const version = hash.version();
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

/** The part of the config that a row's features depend on. */
function featureConfig(extraction: ExtractionConfig): unknown {
  const { shard: _shard, limits: _limits, ...features } = hashedExtraction(extraction);
  return features;
}
