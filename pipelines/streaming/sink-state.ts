/**
 * What a sink has taken since its last publication: rows in open shards, counts, offsets. Publishing turns
 * it into shard files and one new manifest; a sink that dies before that leaves the old manifest, whose
 * offsets say where to read on.
 */
import { createHash } from 'node:crypto';
import type { Message } from 'node-rdkafka';
import { SPLITS, type Split } from '../../schemas/clip.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import type { DeadLetter, StreamManifest, StreamRow } from '../../schemas/stream.ts';
import type { Store } from '../store/store.ts';
import type { ExtractedClip } from '../extraction/extractor.ts';
import type { SplitShares } from './choose-split.ts';
import { deadLetterOf } from './dead-letter.ts';
import { judgeRecord, setRow } from './judge-record.ts';
import type { StreamIndex, RowPlace } from './stream-index.ts';
import { publishStreamManifest } from './stream-manifest.ts';
import { StreamShard } from './stream-shard.ts';

export type TakenAs = 'row' | 'supersedes' | 'duplicate' | 'outdated' | 'foreign' | 'dead-letter';

export interface Taken {
  readonly as: TakenAs;
  /** Of rows: milliseconds since 1970 of the event's `sentAt`. */
  readonly sentAtMs?: number;
}

interface OpenShard {
  readonly file: StreamShard;
  readonly rows: StreamRow[];
  readonly places: RowPlace[];
}

export class SinkState {
  readonly #store: Store;
  readonly #shares: SplitShares;
  readonly #index: StreamIndex;
  readonly #writer: string;
  #manifest: StreamManifest;
  #open = new Map<Split, OpenShard>();
  #offsets = new Map<number, number>();
  #counts: StreamManifest['counts'];
  #superseded: { place: RowPlace; clipId: string }[] = [];
  #letters: DeadLetter[] = [];
  #bytes = 0;
  #since: number | undefined;

  constructor(
    store: Store,
    manifest: StreamManifest,
    index: StreamIndex,
    shares: SplitShares,
    writer: string,
  ) {
    this.#store = store;
    this.#manifest = manifest;
    this.#index = index;
    this.#shares = shares;
    this.#writer = writer;
    this.#counts = { ...manifest.counts };
  }

  /** As last published. */
  get manifest(): StreamManifest {
    return this.#manifest;
  }

  get rows(): number {
    return [...this.#open.values()].reduce((sum, shard) => sum + shard.rows.length, 0);
  }

  /** Feature bytes in the open shards. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Milliseconds since 1970 of the oldest thing that is not published; undefined when all is. */
  get since(): number | undefined {
    return this.#since;
  }

  /** Letters to be on their topic before the next publication. */
  get letters(): readonly DeadLetter[] {
    return this.#letters;
  }

  /** Takes one record, whatever it holds. @throws ModalmixError when the disk fails */
  async take(message: Message): Promise<Taken> {
    this.#since ??= Date.now();
    const taken = await this.#judge(message);
    this.#count(taken.as);
    this.#offsets.set(message.partition, message.offset + 1);
    return taken;
  }

  /** Nothing is between the last record and `offset` but markers of transactions. */
  reachEnd(partition: number, offset: number): void {
    const before = this.#offsets.get(partition) ?? this.#manifest.offsets[String(partition)] ?? 0;
    if (offset <= before) return;
    this.#offsets.set(partition, offset);
    this.#since ??= Date.now();
  }

  /** By partition: the first offset that was not taken. */
  nextOffset(partition: number): number | undefined {
    return this.#offsets.get(partition) ?? this.#manifest.offsets[String(partition)];
  }

  /**
   * Shards first, then the manifest that names them with their offsets.
   * @returns bytes written
   * @throws ModalmixError `config` when another sink has taken over
   */
  async publish(): Promise<number> {
    const shards = [...this.#manifest.shards];
    let written = 0;
    for (const split of SPLITS) {
      const open = this.#open.get(split);
      if (open === undefined) continue;
      const published = await this.#publishShard(split, open);
      shards.push(published);
      written += published.entry.bytes;
    }
    const manifest: StreamManifest = {
      ...this.#manifest,
      generation: this.#manifest.generation + 1,
      writer: this.#writer,
      publishedAt: new Date().toISOString(),
      offsets: {
        ...this.#manifest.offsets,
        ...Object.fromEntries([...this.#offsets].map(([partition, next]) => [String(partition), next])),
      },
      shards,
      superseded: [
        ...this.#manifest.superseded,
        ...this.#superseded.map(({ place, clipId }) => ({ shard: shardOf(place), row: place.row, clipId })),
      ],
      counts: this.#counts,
    };
    await publishStreamManifest(this.#store, manifest);
    this.#manifest = manifest;
    this.#counts = { ...manifest.counts };
    this.#open = new Map();
    this.#offsets = new Map();
    this.#superseded = [];
    this.#letters = [];
    this.#bytes = 0;
    this.#since = undefined;
    return written;
  }

  /** Deletes the files of open shards; nothing of them was published. */
  async discard(): Promise<void> {
    for (const { file } of this.#open.values()) await file.discard();
    this.#open = new Map();
  }

  async #judge(message: Message): Promise<Taken> {
    const { classNames, extractionKey } = this.#manifest;
    const rules = { classNames, extractionKey, shares: this.#shares };
    const judged = judgeRecord(message, this.#index, rules);
    if (judged.as === 'dead-letter') {
      this.#letters.push(deadLetterOf(message, judged.code, judged.reason));
      return { as: 'dead-letter' };
    }
    if (judged.as !== 'row') return { as: judged.as };
    const { row, features, replaced } = judged;
    const place = await this.#append(row, features, message.size);
    if (replaced !== undefined) this.#superseded.push({ place: replaced, clipId: row.clipId });
    setRow(this.#index, row, place);
    // A row that replaces one of the base's is not counted as a replacement: freezing drops the base's.
    return { as: replaced === undefined ? 'row' : 'supersedes', sentAtMs: row.sentAtMs };
  }

  async #append(row: StreamRow, features: ExtractedClip, bytes: number): Promise<RowPlace> {
    let open = this.#open.get(row.split);
    if (open === undefined) {
      const file = await StreamShard.create(this.#store, this.#manifest, row.split);
      open = { file, rows: [], places: [] };
      this.#open.set(row.split, open);
    }
    await open.file.append(row, features);
    const place: RowPlace = { shard: undefined, row: open.rows.length };
    open.rows.push(row);
    open.places.push(place);
    this.#bytes += bytes;
    return place;
  }

  #count(as: TakenAs): void {
    const counts = this.#counts;
    switch (as) {
      case 'row':
        counts.rows += 1;
        return;
      case 'supersedes':
        counts.rows += 1;
        counts.superseded += 1;
        return;
      case 'duplicate':
        counts.duplicates += 1;
        return;
      case 'dead-letter':
        counts.deadLetters += 1;
        return;
      default:
        counts[as] += 1;
    }
  }

  async #publishShard(split: Split, open: OpenShard): Promise<StreamManifest['shards'][number]> {
    const { name, extractionKey } = this.#manifest;
    const lines = open.rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    // The events that went in decide the name: the same ones give the same file.
    const key = createHash('sha256').update(lines).digest('hex').slice(0, KEY_CHARACTERS);
    const path = storePaths.streamShard(name, extractionKey, split, key);
    const rowsPath = storePaths.streamShardRows(name, extractionKey, split, key);
    await this.#store.put(rowsPath, lines);
    const entry = await open.file.finish(path, key);
    for (const place of open.places) place.shard = path;
    return { entry, rowsPath };
  }
}

const KEY_CHARACTERS = 32;

function shardOf(place: RowPlace): string {
  if (place.shard === undefined) throw new ModalmixError('internal', 'a superseded row is in no shard');
  return place.shard;
}
