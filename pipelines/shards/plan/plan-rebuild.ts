/** Decides what a dataset's version consists of, shard by shard, and what of it is there already. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatasetIndex } from '../../../schemas/clip.ts';
import {
  flowFields,
  hashedExtraction,
  type ExtractionConfig,
} from '../../../schemas/config/extraction-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { ActivityProgress } from '../../../schemas/progress.ts';
import type { Store } from '../../store/store.ts';
import { isStream, streamOf, type StreamedIndex } from '../../datasets/clip-stream.ts';
import { inFolder } from '../../store/scratch.ts';
import { Spill } from '../../store/spill.ts';
import { pages } from '../../store/streams.ts';
import { findShards } from '../manifest/shard-entries.ts';
import { CUT_PARTS, cutParted, cutPartOf } from './cut-shards.ts';
import { ReusableRowSearch } from './find-reusable-rows.ts';
import { hashClips } from './hash-clips.ts';
import { FoundRows, PlanBody, PlanTally, type PlanProblem } from './plan-body.ts';
import type { PlanClip, PlanContent, PlanLine } from './plan-file.ts';
import { findPlan, previousOf, readLatest } from './reusable-plans.ts';
import { maxRowsPerShard } from './row-bytes.ts';
import { contentKey, digest, shardKey, VersionHash } from './shard-key.ts';
import { SourceHashes } from './source-hashes.ts';

/** Looked for in the store at a time. */
const LINES_OF_PAGE = 256;

export interface PlanRebuildInput {
  readonly store: Store;
  /** The dataset's name in the store. */
  readonly name: string;
  readonly index: DatasetIndex | StreamedIndex;
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
  /** Clips that are kept in memory before scratch files are used. Default: `HELD_RECORDS`. */
  readonly heldClips?: number;
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
  readonly problems: { readonly count: number; readonly first: readonly PlanProblem[] };
  /** Rows of `shardsToBuild`, extracted or taken from another shard. */
  readonly rowsToWrite: number;
  /** Of the shards that are there already: rows, and bytes. */
  readonly rowsThere: number;
  readonly bytesThere: number;
}

/**
 * Hashes the sources and writes the plan. A clip whose file is gone, empty or too large is planned for
 * quarantine. Run twice: the same version, and nothing is written. However many clips there are, some hundred thousand are in
 * memory at a time; the others lie in scratch files.
 *
 * @throws ModalmixError `config` when the extraction config cannot work, `cancelled` on the signal
 */
export async function planRebuild(input: PlanRebuildInput): Promise<ShardPlan> {
  checkExtraction(input.extraction);
  const scratch =
    input.dryRun === true
      ? await mkdtemp(join(tmpdir(), 'modalmix-plan-'))
      : await input.store.scratchFolder();
  return await inFolder(scratch, async () => await planIn(scratch, input));
}

async function planIn(scratch: string, input: PlanRebuildInput): Promise<ShardPlan> {
  const { store, name, extraction, extractorVersion, heldClips } = input;
  const { classNames, report, clips } = input.index;
  const hashes = input.hashes ?? (await SourceHashes.open(store, name));
  const stream = isStream(clips) ? clips : streamOf(clips);
  const facts = { classNames, extraction, extractorVersion };
  const featureKey = digest([featureConfig(extraction), extractorVersion]).slice(0, 16);
  const latestPath = storePaths.latestPlan(name, featureKey);
  const previous = await readLatest(store, latestPath);
  const parted = new Spill<PlanClip>(join(scratch, 'by-id'), CUT_PARTS, heldClips);
  const search = new ReusableRowSearch({
    ...{ store, name, scratch, held: heldClips },
    sameFeatures:
      extraction.disturb === undefined
        ? contentKey
        : // The noise is the clip's own: another clip's row of the same file has another.
          (clip) => JSON.stringify([clip.clipId, contentKey(clip)]),
  });
  const body = new PlanBody(scratch);
  let reuse: FoundRows | undefined;
  try {
    const { saved } = await hashClips({ ...input, clips: stream, hashes, scratch }, (clip, split) => {
      parted.add(cutPartOf(clip, split), clip);
    });
    const hash = new VersionHash(facts);
    const tally = new PlanTally();
    for await (const lines of pages(cutParted(parted, maxRowsPerShard(extraction)), LINES_OF_PAGE)) {
      if (input.signal?.aborted === true) throw new ModalmixError('cancelled', 'planning was asked to stop');
      const keyed = lines.map(({ split, clips: members }): PlanLine => ({
        ...{ split, key: shardKey(split, members, facts), clips: [...members] },
      }));
      const entries = await findShards(store, name, keyed);
      for (const [i, line] of keyed.entries()) {
        hash.add(line.key);
        if (tally.add(line, entries[i]) && previous !== undefined) search.want(tally.shards - 1, line.clips);
        await body.add(line);
      }
    }
    const version = hash.version();
    reuse = new FoundRows(join(scratch, 'found'), tally.shards, heldClips);
    await search.find(previous, (found) => reuse?.add(found));

    // A plan that is there already has this very content, except for where rows can be taken from.
    const writes = input.dryRun !== true;
    if (writes && (tally.toBuild.length > 0 || (await findPlan(store, name, version)) === undefined)) {
      const before = previous === version ? await previousOf(store, name, version) : previous;
      const content: PlanContent = {
        name,
        version,
        classNames: [...classNames],
        extraction,
        extractorVersion,
        featureKey,
        ...(before === undefined ? {} : { previous: before }),
        index: report,
      };
      await body.publish(store, content, reuse);
    }
    if (writes && previous !== version) await store.put(latestPath, JSON.stringify({ version }));
    await saved;
    const clipsToExtract = tally.rowsToWrite - reuse.total;
    return {
      name,
      version,
      shards: tally.shards,
      shardsToBuild: tally.toBuild,
      clips: stream.count,
      clipsToExtract,
      clipsReused: stream.count - clipsToExtract - tally.problems,
      problems: { count: tally.problems, first: tally.firstProblems },
      rowsToWrite: tally.rowsToWrite,
      rowsThere: tally.rowsThere,
      bytesThere: tally.bytesThere,
    };
  } finally {
    parted.end();
    search.end();
    reuse?.end();
    await body.close();
  }
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
