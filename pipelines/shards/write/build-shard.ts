/** Builds one shard of a plan: rows from older shards where they are there, the rest extracted. */
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clip } from '../../../schemas/clip.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { QuarantineEntry, ShardEntry } from '../../../schemas/manifest.ts';
import { ENVIRONMENT, storePaths } from '../../../schemas/names.ts';
import type { ActivityProgress } from '../../../schemas/progress.ts';
import { shardSchema } from '../../../schemas/shard.ts';
import { ClipUnusable, type Extractor } from '../../extraction/extractor.ts';
import { sourceStamp } from '../../extraction/pictures/picture-files.ts';
import type { Store } from '../../store/store.ts';
import { ClipTurns } from './clip-turns.ts';
import { clipSources } from '../plan/clip-sources.ts';
import { openPlan, type PlanClip, type PlanHeader, type PlanLine } from '../plan/plan-file.ts';
import { damagedPlan, shardKey } from '../plan/shard-key.ts';
import { ReusableRows } from './reusable-rows.ts';
import { findShard } from '../manifest/shard-entries.ts';
import type { ShardRow } from '../read/row-reader.ts';
import { asStored, ShardTally } from './shard-tally.ts';
import { ShardWriter, type WrittenFile } from './shard-writer.ts';
import { combineHashes, contentHash, hashSource, NO_STAMP } from '../plan/source-hashes.ts';

export interface BuildShardInput {
  readonly store: Store;
  readonly name: string;
  /** `ShardPlan.version`. */
  readonly version: string;
  /** 0…shards−1. */
  readonly shardIndex: number;
  /** Or how to come by the one whose version the plan names. */
  readonly extractor: Extractor | ((version: string) => Promise<Extractor>);
  /** Shared by the shards that this process builds at a time; default: of this shard alone, as many as there are cores. */
  readonly turns?: ClipTurns;
  /** Clips of this shard done so far, at most twice a second, and the last one. */
  readonly onProgress?: (progress: ActivityProgress) => void;
  readonly signal?: AbortSignal;
}

const PROGRESS_EVERY_MS = 500;
/** Rows waiting for their turn, a clip at work: bounds memory when one clip is slow. */
const ROWS_AHEAD = 2;

/**
 * Writes the shard and then its entry; a shard that is complete is left untouched. The bytes depend on the
 * plan alone, not on the order in which clips finish. When every clip is quarantined there is an entry with
 * `rows` 0 and no file.
 *
 * @throws ModalmixError `input` when a source changed since the plan was made or the plan is damaged, `dependency` when the
 *   extractor is not the plan's, `cancelled` on the signal, and whatever `Extractor.extract` throws
 */
export async function buildShard(input: BuildShardInput): Promise<ShardEntry> {
  const { store, name, version, shardIndex } = input;
  const plan = await openPlan(store, name, version);
  const line = await plan.readLine(shardIndex);
  const existing = await findShard(store, name, line.split, line.key);
  if (existing !== undefined) return existing;
  if (shardKey(line.split, line.clips, plan.header) !== line.key) throw damagedPlan(input);
  const extractor = await extractorOf(plan.header, input.extractor);

  const scratch = await store.scratchFolder();
  const rows = new ReusableRows(store, name, plan.header.extraction.modalities);
  try {
    const entry = await writeRows(
      { ...input, extractor },
      plan.header,
      line,
      rows,
      join(scratch, 'shard.arrow'),
    );
    await store.put(storePaths.shardEntry(name, line.split, line.key), `${JSON.stringify(entry)}\n`);
    return entry;
  } finally {
    rows.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The engine is chosen once, when the plan is made: rows of two engines must not meet in one dataset. */
async function extractorOf(
  { extractorVersion }: PlanHeader,
  given: BuildShardInput['extractor'],
): Promise<Extractor> {
  const extractor = typeof given === 'function' ? await given(extractorVersion) : given;
  if (extractor.version === extractorVersion) return extractor;
  throw new ModalmixError(
    'dependency',
    `this worker extracts with ${extractor.version}, and the plan was made for ${extractorVersion}`,
    {
      where: `the extraction engine of ${hostname()}`,
      fix: [
        'Give all media workers the same engine, in the same version (`modalmix doctor` tells it there),',
        `or set ${ENVIRONMENT.extractor} on all of them to the one that they share, and run the rebuild again.`,
      ].join(' '),
    },
  );
}

type Extracting = BuildShardInput & { readonly extractor: Extractor };

/** A clip's features, or why there are none. */
type Outcome = { readonly row: ShardRow } | { readonly quarantined: QuarantineEntry };

async function writeRows(
  input: Extracting,
  header: PlanHeader,
  line: PlanLine,
  reusable: ReusableRows,
  localFile: string,
): Promise<ShardEntry> {
  const { store, name, onProgress, signal } = input;
  const { extraction, classNames } = header;
  const stop = new AbortController();
  const stopped = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const { turns = new ClipTurns() } = input;
  const own = turns.join();
  stopped.addEventListener('abort', own.leave, { once: true });
  const tally = new ShardTally(classNames.length, extraction.modalities);
  const quarantined: QuarantineEntry[] = [];
  const writer = await ShardWriter.create(
    localFile,
    shardSchema({ classNames, extraction, extractorVersion: header.extractorVersion }),
    // Fresh pages of the system's cache cost more than a row's other handling; a store that is not files reads them.
    store.movesFiles ? 'direct' : 'apart',
  );
  const pending: Promise<Outcome>[] = [];
  let nextClip = 0;
  let written: WrittenFile;
  let reportedAt = 0;
  try {
    for (const [done, clip] of line.clips.entries()) {
      while (nextClip < line.clips.length && pending.length < turns.size * ROWS_AHEAD) {
        const ahead = line.clips[nextClip];
        nextClip += 1;
        if (ahead === undefined) break;
        const outcome = own.take(() => obtainRow(input, header, line, ahead, reusable, stopped));
        // Whoever fails first is awaited in its turn; until then it must not count as unhandled.
        outcome.catch(() => undefined);
        pending.push(outcome);
      }
      const outcome = await pending.shift();
      if (outcome === undefined) break;
      if ('row' in outcome) {
        const row = asStored(outcome.row, extraction.audio.storage);
        const { clipId, label, group } = clip;
        const sourceSha256 = contentHash(clip.sourceSha256, clip);
        await writer.append({ clipId, label, split: line.split, group, sourceSha256, ...row });
        tally.add(label, row);
      } else quarantined.push(outcome.quarantined);
      const now = performance.now();
      if (now - reportedAt >= PROGRESS_EVERY_MS || done + 1 === line.clips.length) {
        reportedAt = now;
        onProgress?.({ done: done + 1, total: line.clips.length });
      }
    }
    written = await writer.finish();
  } catch (error) {
    stop.abort();
    await Promise.allSettled(pending);
    await writer.abandon();
    throw error;
  } finally {
    own.leave();
  }
  const path = storePaths.shard(name, line.split, line.key);
  if (written.rows > 0) await store.putFile(path, localFile);
  return {
    path,
    split: line.split,
    key: line.key,
    ...(written.rows > 0 ? written : { rows: 0, bytes: 0, sha256: '' }),
    ...tally.totals(),
    quarantined,
  };
}

async function obtainRow(
  input: Extracting,
  header: PlanHeader,
  line: PlanLine,
  planned: PlanClip,
  reusable: ReusableRows,
  signal: AbortSignal,
): Promise<Outcome> {
  if (signal.aborted) throw new ModalmixError('cancelled', 'extraction was asked to stop');
  const quarantine = (code: string, reason: string): Outcome => ({
    quarantined: { clipId: planned.clipId, path: planned.path, split: line.split, code, reason },
  });
  if (planned.problem !== undefined) return quarantine(planned.problem.code, planned.problem.reason);
  const row = await reusable.find(planned);
  if (row !== undefined) return { row };
  const clip: Clip = {
    clipId: planned.clipId,
    path: planned.path,
    label: planned.label,
    split: line.split,
    ...(planned.audioPath === undefined ? {} : { audioPath: planned.audioPath }),
    ...(planned.features === undefined ? {} : { features: planned.features }),
    ...(planned.startS === undefined ? {} : { startS: planned.startS }),
    ...(planned.endS === undefined ? {} : { endS: planned.endS }),
  };
  try {
    await checkUnchanged(planned, header.extraction);
    return { row: await input.extractor.extract(clip, header.extraction, signal) };
  } catch (error) {
    if (error instanceof ClipUnusable) return quarantine(error.code, error.message);
    throw error;
  }
}

/**
 * A row must hold the features of the bytes that its hash names; a file that vanished is not quarantined here,
 * because the shard's key says that it was there.
 */
async function checkUnchanged(clip: PlanClip, extraction: PlanHeader['extraction']): Promise<void> {
  const sources = clipSources(clip, extraction);
  const paths = sources.map(({ path }) => path);
  let changed = false;
  for (const [i, path] of paths.entries()) {
    const [bytes, mtimeMs] = clip.stamps[i] ?? NO_STAMP;
    if (bytes === NO_STAMP[0]) continue;
    try {
      const [bytesNow, mtimeNow] = await sourceStamp(path);
      changed ||= bytesNow !== bytes || mtimeNow !== mtimeMs;
    } catch (cause) {
      throw new ModalmixError(
        'transient',
        'the file was there when the rebuild was planned, and is not now',
        {
          where: path,
          fix: 'Bring it back, or run the rebuild again: the clip is then quarantined.',
          cause,
        },
      );
    }
  }
  if (!changed) return;
  const hashes = await Promise.all(
    sources.map(async ({ path, role }) => {
      const sha256 = await hashSource(path);
      return role.kind === 'features' ? `${role.name} ${sha256}` : sha256;
    }),
  );
  if (combineHashes(hashes) === clip.sourceSha256) return;
  throw new ModalmixError('input', 'the file changed while the dataset was being built', {
    where: clip.path,
    fix: 'Run the rebuild again when nothing writes to the dataset.',
  });
}
