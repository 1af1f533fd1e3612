/**
 * An immutable version of a dataset straight from offset ranges of `modalmix.features`: no sink, no base
 * version. Rows first go to shards in a scratch folder; what later records replaced is left out of the ones
 * that are published.
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type { Message } from 'node-rdkafka';
import { SPLITS, type Split } from '../../../schemas/clip.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { DatasetManifest, ShardEntry } from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { ActivityProgress } from '../../../schemas/progress.ts';
import type { OffsetRange } from '../../../schemas/config/stream-config.ts';
import { mergeShards, writeManifest } from '../../shards/manifest/merge-shards.ts';
import { rewriteShard } from '../../shards/write/rewrite-shard.ts';
import { findShard } from '../../shards/manifest/shard-entries.ts';
import { ShardThread } from '../../shards/write/batches/shard-thread.ts';
import type { Store } from '../../store/store.ts';
import { openStore } from '../../store/open-store.ts';
import type { SplitShares } from '../rows/choose-split.ts';
import type { KafkaConnection } from '../kafka/connection.ts';
import { judgeRecord, setRow, type Judgement } from '../rows/judge-record.ts';
import { openRangesReader } from './read-ranges.ts';
import { StreamIndex, type RowPlace } from '../rows/stream-index.ts';
import { StreamShard } from '../rows/stream-shard.ts';
import { extractionKeyOfTarget, topicsOf, type StreamTarget } from '../stream-target.ts';

export interface MaterialiseRangesInput {
  readonly store: Store;
  readonly target: StreamTarget;
  readonly shares: SplitShares;
  /** At most one a partition. */
  readonly ranges: readonly OffsetRange[];
  readonly connection: KafkaConnection;
  /** Offsets done so far. */
  readonly onProgress?: (progress: ActivityProgress) => void;
  readonly signal: AbortSignal;
}

const PROGRESS_EVERY_MS = 500;
const BYTES_PER_MIB = 1_048_576;
const VERSION_CHARACTERS = 16;
const KEY_CHARACTERS = 32;

/**
 * Reads the ranges once, in the order of partition and offset, and publishes what counts in them. The same
 * records give the same version and bytes, also after a death in the middle: it then begins anew.
 *
 * @throws ModalmixError `config` when records were deleted by retention, when a partition is named twice, or
 *   when the rows are no usable dataset; `transient` when the broker is away; `cancelled` on the signal
 */
export async function materialiseRanges(input: MaterialiseRangesInput): Promise<DatasetManifest> {
  const { store, target, signal } = input;
  const ranges = [...input.ranges].sort((a, b) => a.partition - b.partition);
  requireOnce(ranges);
  const { features: topic } = topicsOf(target);
  const scratch = await store.scratchFolder();
  // Unfinished shards have a store of their own, so that they are written and rewritten as all others are.
  const parts = new ScratchParts(openStore(pathToFileURL(scratch).href), target, input.shares);
  try {
    const reader = await openRangesReader(input.connection, target.name, topic, target.stream);
    try {
      const tell = progressTeller(ranges, input.onProgress);
      for await (const message of reader.read(ranges, signal)) {
        await parts.take(message);
        tell(message);
      }
    } finally {
      await reader.close();
    }
    const shards: ShardEntry[] = [];
    for (const { entry, localFile } of await parts.finish(signal)) {
      shards.push(await publishShard(store, target.name, entry, localFile));
    }
    const manifest = manifestOf(input, topic, ranges, shards, parts.counts);
    await writeManifest(store, manifest);
    return manifest;
  } finally {
    await parts.discard();
    await rm(scratch, { recursive: true, force: true });
  }
}

function requireOnce(ranges: readonly OffsetRange[]): void {
  const twice = ranges.find(({ partition }, i) => ranges[i + 1]?.partition === partition);
  if (twice === undefined) return;
  throw new ModalmixError('config', `partition ${String(twice.partition)} has two ranges`, {
    where: 'stream.ranges',
    fix: 'Give each partition one range.',
  });
}

function progressTeller(
  ranges: readonly OffsetRange[],
  onProgress: MaterialiseRangesInput['onProgress'],
): (message: Message) => void {
  const total = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  let toldAt = 0;
  return ({ partition, offset }) => {
    const now = Date.now();
    if (onProgress === undefined || now - toldAt < PROGRESS_EVERY_MS) return;
    toldAt = now;
    const done = ranges.reduce((sum, range) => {
      if (range.partition === partition) return sum + offset + 1 - range.from;
      return range.partition < partition ? sum + range.to - range.from : sum;
    }, 0);
    onProgress({ done, total });
  };
}

type Counts = Record<Judgement['as'], number>;

interface FinishedPart {
  readonly entry: ShardEntry;
  readonly localFile: string;
}

/** The shards in the scratch folder, of the size that the config asks for, and which of their rows count. */
class ScratchParts {
  readonly counts: Counts = {
    ...{ row: 0, duplicate: 0, outdated: 0 },
    ...{ foreign: 0, unlabelled: 0, 'dead-letter': 0 },
  };
  readonly #store: Store;
  readonly #target: StreamTarget;
  readonly #rules: Parameters<typeof judgeRecord>[2];
  readonly #index = new StreamIndex();
  readonly #thread = ShardThread.start();
  readonly #open = new Map<Split, { file: StreamShard; places: RowPlace[]; bytes: number }>();
  readonly #finished: ShardEntry[] = [];
  readonly #replaced: RowPlace[] = [];

  constructor(store: Store, target: StreamTarget, shares: SplitShares) {
    this.#store = store;
    this.#target = target;
    const { name, classNames, extraction } = target;
    this.#rules = { name, classNames, extractionKey: extractionKeyOfTarget(target), extraction, shares };
  }

  async take(message: Message): Promise<void> {
    const judged = judgeRecord(message, this.#index, this.#rules);
    this.counts[judged.as] += 1;
    if (judged.as === 'duplicate' && judged.confirmed !== undefined) {
      this.#index.confirm(judged.confirmed.clipId, judged.confirmed.sentAtMs);
    }
    if (judged.as !== 'row') return;
    const { row, features, replaced } = judged;
    let open = this.#open.get(row.split);
    if (open === undefined) {
      const file = await StreamShard.create(this.#store, this.#thread, this.#target, row.split, true);
      open = { file, places: [], bytes: 0 };
      this.#open.set(row.split, open);
    }
    await open.file.append(row, features);
    const place: RowPlace = { shard: undefined, row: open.places.length };
    open.places.push(place);
    open.bytes += message.size;
    if (replaced !== undefined) this.#replaced.push(replaced);
    setRow(this.#index, row, place);
    if (open.bytes >= this.#target.extraction.shard.targetMiB * BYTES_PER_MIB) await this.#close(row.split);
  }

  /** The shards without the rows that were replaced, by split and in the order of their records. */
  async finish(signal: AbortSignal): Promise<FinishedPart[]> {
    for (const split of [...this.#open.keys()]) await this.#close(split);
    const done: FinishedPart[] = [];
    const bySplit = SPLITS.flatMap((split) => this.#finished.filter((entry) => entry.split === split));
    for (const part of bySplit) {
      const dropped = new Set(
        this.#replaced.filter(({ shard }) => shard === part.path).map(({ row }) => row),
      );
      if (dropped.size === part.rows) continue;
      const { name, classNames, extraction, extractorVersion } = this.#target;
      const rules = { name, classNames, extraction, extractorVersion };
      const entry =
        dropped.size === 0
          ? part
          : await rewriteShard({ store: this.#store, entry: part, dropped, signal, ...rules });
      done.push({ entry, localFile: await this.#store.localFile(entry.path) });
    }
    return done;
  }

  /** Closes what `finish` did not. */
  async discard(): Promise<void> {
    for (const { file } of this.#open.values()) await file.discard();
    this.#open.clear();
    await this.#thread.close();
  }

  async #close(split: Split): Promise<void> {
    const open = this.#open.get(split);
    if (open === undefined) return;
    this.#open.delete(split);
    const key = `part-${String(this.#finished.length)}`;
    const entry = await open.file.finish(storePaths.shard(this.#target.name, split, key), key);
    for (const place of open.places) place.shard = entry.path;
    this.#finished.push(entry);
  }
}

/** Under a key that follows from the bytes: whatever else was read, the same rows are the same shard. */
async function publishShard(
  store: Store,
  name: string,
  part: ShardEntry,
  localFile: string,
): Promise<ShardEntry> {
  const { split } = part;
  const key = digest(['stream rows', part.sha256]).slice(0, KEY_CHARACTERS);
  const existing = await findShard(store, name, split, key);
  if (existing !== undefined) return existing;
  const entry = { ...part, key, path: storePaths.shard(name, split, key) };
  await store.putFile(entry.path, localFile);
  await store.put(storePaths.shardEntry(name, split, key), `${JSON.stringify(entry)}\n`);
  return entry;
}

function manifestOf(
  { target, shares }: MaterialiseRangesInput,
  topic: string,
  ranges: readonly OffsetRange[],
  shards: readonly ShardEntry[],
  counts: Counts,
): DatasetManifest {
  const { name, classNames, extraction, extractorVersion } = target;
  const merged = mergeShards(shards, classNames.length, extraction.modalities);
  const rows = shards.reduce((sum, shard) => sum + shard.rows, 0);
  const places = ranges.map(
    ({ partition, from, to }) => `${String(partition)}:${String(from)}-${String(to)}`,
  );
  const nothing = { count: 0, examples: [] };
  const { unlabelled, ...counted } = counts;
  const facts = [
    'stream ranges',
    topic,
    ranges,
    extractionKeyOfTarget(target),
    shares,
    classNames,
    // Versions of before there were unlabelled records stay.
    { ...counted, ...(unlabelled === 0 ? {} : { unlabelled }) },
    shards.map(({ split, key }) => [split, key]),
  ];
  return {
    formatVersion: 1,
    name,
    version: digest(facts).slice(0, VERSION_CHARACTERS),
    ...{ classNames: [...classNames], extraction, extractorVersion },
    ...merged,
    quarantine: [],
    index: {
      format: 'stream',
      splitRule: `as the events say; else by hash: ${String(shares.test)} for testing, ${String(shares.validation)} of the rest for validation`,
      listed: Object.values(counts).reduce((sum, count) => sum + count, 0),
      found: rows,
      listedMissing: nothing,
      unlisted: nothing,
      notes: [
        `records ${places.join(', ')} of ${topic} (partition:from-to, "to" not included)`,
        `${String(counts.row - rows)} rows were replaced by later ones, ${String(counts.duplicate)} duplicates and ${String(counts.outdated)} outdated records dropped, ${String(counts.foreign)} of other extractions and ${String(counts['dead-letter'])} that are no valid rows skipped`,
        ...(unlabelled === 0 ? [] : [`${String(unlabelled)} records without a label skipped`]),
      ],
    },
  };
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
