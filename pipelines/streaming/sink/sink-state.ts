/**
 * What a sink has taken and not published: rows in open shards, counts, offsets. Sealing sets a part of it
 * apart while the next one fills; publishing turns a sealed part into shard files and one new manifest. A sink
 * that dies before that leaves the old manifest, whose offsets say where to read on.
 */
import type { Message } from 'node-rdkafka';
import { SPLITS, type Split } from '../../../schemas/clip.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { DeadLetter, StreamHead, StreamManifest, StreamRow } from '../../../schemas/stream.ts';
import type { Store } from '../../store/store.ts';
import type { ExtractedClip } from '../../extraction/extractor.ts';
import { ShardThread } from '../../shards/write/batches/shard-thread.ts';
import type { SplitShares } from '../rows/choose-split.ts';
import { deadLetterOf } from '../dead-letters/dead-letter.ts';
import { judgeRecord, setRow, type Confirmation } from '../rows/judge-record.ts';
import { rowsKey } from '../rows/rows-file.ts';
import type { StreamIndex, RowPlace } from '../rows/stream-index.ts';
import { publishStreamManifest } from './stream-manifest.ts';
import { StreamShard } from '../rows/stream-shard.ts';

export type TakenAs =
  'row' | 'supersedes' | 'duplicate' | 'outdated' | 'foreign' | 'unlabelled' | 'dead-letter';

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

/** What one publication will make known; nothing is added to it any more. */
export interface SealedPart {
  readonly rows: number;
  /** Letters to be on their topic before the part is published. */
  readonly letters: readonly DeadLetter[];
  /** By partition: the first offset that is in no part so far. */
  readonly offsets: ReadonlyMap<number, number>;
  /** Of this part and all before it. */
  readonly counts: StreamManifest['counts'];
  readonly superseded: readonly { readonly place: RowPlace; readonly clipId: string }[];
  readonly confirmed: readonly Confirmation[];
  readonly topicId: string | undefined;
  readonly shards: ReadonlyMap<Split, OpenShard>;
}

export class SinkState {
  readonly #store: Store;
  readonly #shares: SplitShares;
  readonly #index: StreamIndex;
  readonly #writer: string;
  readonly #thread = ShardThread.start();
  /** Parts that are sealed and not published. */
  readonly #sealed = new Set<SealedPart>();
  #manifest: StreamManifest;
  /** The manifest as it is stored. */
  #head: StreamHead;
  #open = new Map<Split, OpenShard>();
  readonly #offsets: Map<number, number>;
  readonly #counts: StreamManifest['counts'];
  #superseded: { place: RowPlace; clipId: string }[] = [];
  #letters: DeadLetter[] = [];
  #confirmed: Confirmation[] = [];
  #topicId: string | undefined;
  #bytes = 0;
  #since: number | undefined;

  constructor(
    store: Store,
    { manifest, head }: { readonly manifest: StreamManifest; readonly head: StreamHead },
    index: StreamIndex,
    shares: SplitShares,
    writer: string,
  ) {
    this.#store = store;
    this.#manifest = manifest;
    this.#head = head;
    this.#index = index;
    this.#shares = shares;
    this.#writer = writer;
    this.#offsets = new Map(
      Object.entries(manifest.offsets).map(([partition, next]) => [Number(partition), next]),
    );
    this.#counts = { ...manifest.counts };
    this.#topicId = manifest.topicId;
  }

  /** As last published. */
  get manifest(): StreamManifest {
    return this.#manifest;
  }

  /** In the open shards. */
  get rows(): number {
    return [...this.#open.values()].reduce((sum, shard) => sum + shard.rows.length, 0);
  }

  /** Feature bytes in the open shards. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the oldest thing came that is not sealed, by `performance.now()`; undefined when all is. */
  get since(): number | undefined {
    return this.#since;
  }

  /** Takes one record, whatever it holds. @throws ModalmixError when the disk fails */
  async take(message: Message): Promise<Taken> {
    this.#since ??= performance.now();
    const taken = await this.#judge(message);
    this.#count(taken.as);
    this.#offsets.set(message.partition, message.offset + 1);
    return taken;
  }

  /** Nothing is between the last record and `offset` but markers of transactions. */
  reachEnd(partition: number, offset: number): void {
    if (offset <= (this.#offsets.get(partition) ?? 0)) return;
    this.#offsets.set(partition, offset);
    this.#since ??= performance.now();
  }

  /**
   * Where reading begins, of each partition: from now on these offsets and this topic are what is published.
   * @param topicId undefined where the brokers do not tell
   */
  startAt(offsets: ReadonlyMap<number, number>, topicId: string | undefined): void {
    for (const [partition, offset] of offsets) this.#offsets.set(partition, offset);
    this.#topicId = topicId;
  }

  /** By partition: the first offset that was not taken. */
  nextOffset(partition: number): number | undefined {
    return this.#offsets.get(partition);
  }

  /** Sets apart what was taken so far. */
  seal(): SealedPart {
    const part: SealedPart = {
      ...{ rows: this.rows, letters: this.#letters, superseded: this.#superseded, shards: this.#open },
      ...{ confirmed: this.#confirmed, topicId: this.#topicId },
      offsets: new Map(this.#offsets),
      counts: { ...this.#counts },
    };
    this.#sealed.add(part);
    this.#open = new Map();
    this.#superseded = [];
    this.#letters = [];
    this.#confirmed = [];
    this.#bytes = 0;
    this.#since = undefined;
    return part;
  }

  /**
   * Shards first, then the manifest that names them with their offsets. Parts are published one at a time, in
   * the order in which they were sealed; after a failure none may follow.
   * @returns bytes written
   * @throws ModalmixError `config` when another sink has taken over
   */
  async publish(part: SealedPart = this.seal()): Promise<number> {
    const finishing = [...part.shards].map(([split, open]) => this.#publishShard(split, open));
    // All have ended before a failure is told: whoever hears of it may delete their files.
    await Promise.allSettled(finishing);
    const published = await Promise.all(finishing);
    const shards = SPLITS.flatMap((split) => published.filter(({ entry }) => entry.split === split));
    const { counts } = part;
    const manifest: StreamManifest = {
      ...this.#manifest,
      generation: this.#manifest.generation + 1,
      writer: this.#writer,
      publishedAt: new Date().toISOString(),
      offsets: Object.fromEntries([...part.offsets].map(([partition, next]) => [String(partition), next])),
      shards: [...this.#manifest.shards, ...shards],
      superseded: [
        ...this.#manifest.superseded,
        ...part.superseded.map(({ place, clipId }) => ({ shard: shardOf(place), row: place.row, clipId })),
      ],
      counts,
      confirmed: [...(this.#manifest.confirmed ?? []), ...part.confirmed],
      ...(part.topicId === undefined ? {} : { topicId: part.topicId }),
    };
    this.#head = await publishStreamManifest(this.#store, manifest, this.#head);
    this.#manifest = manifest;
    this.#sealed.delete(part);
    return shards.reduce((sum, { entry }) => sum + entry.bytes, 0);
  }

  /** Deletes the files of shards that are not published. No publication may be under way. */
  async discard(): Promise<void> {
    for (const shards of [this.#open, ...[...this.#sealed].map((part) => part.shards)]) {
      for (const { file } of shards.values()) await file.discard();
    }
    this.#open = new Map();
    this.#sealed.clear();
    await this.#thread.close();
  }

  async #judge(message: Message): Promise<Taken> {
    const { name, classNames, extractionKey, extraction } = this.#manifest;
    const rules = { name, classNames, extractionKey, extraction, shares: this.#shares };
    const judged = judgeRecord(message, this.#index, rules);
    if (judged.as === 'dead-letter') {
      this.#letters.push(deadLetterOf(message, judged.code, judged.reason));
      return { as: 'dead-letter' };
    }
    if (judged.as === 'duplicate' && judged.confirmed !== undefined) {
      this.#index.confirm(judged.confirmed.clipId, judged.confirmed.sentAtMs);
      this.#confirmed.push(judged.confirmed);
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
      const file = await StreamShard.create(this.#store, this.#thread, this.#manifest, row.split, false);
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
      case 'unlabelled':
        counts.unlabelled = (counts.unlabelled ?? 0) + 1;
        return;
      default:
        counts[as] += 1;
    }
  }

  async #publishShard(split: Split, open: OpenShard): Promise<StreamManifest['shards'][number]> {
    const { name, extractionKey } = this.#manifest;
    const lines = open.rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    // The events that went in decide the name: the same ones give the same file.
    let key = rowsKey(lines);
    const isThere = (path: string) => this.#manifest.shards.some(({ entry }) => entry.path === path);
    // A topic that is read again from its beginning may give rows that were there before and were replaced since.
    if (isThere(storePaths.streamShard(name, extractionKey, split, key))) {
      key = rowsKey(lines, this.#manifest.generation);
    }
    const path = storePaths.streamShard(name, extractionKey, split, key);
    const rowsPath = storePaths.streamShardRows(name, extractionKey, split, key);
    const [entry] = await Promise.all([open.file.finish(path, key), this.#store.put(rowsPath, lines)]);
    for (const place of open.places) place.shard = path;
    return { entry, rowsPath };
  }
}

function shardOf(place: RowPlace): string {
  if (place.shard === undefined) throw new ModalmixError('internal', 'a superseded row is in no shard');
  return place.shard;
}
