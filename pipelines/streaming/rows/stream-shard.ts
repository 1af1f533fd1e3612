/** A shard that is being filled: rows go to a local file as they come, and into the store when it is done. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Split } from '../../../schemas/clip.ts';
import type { ShardEntry } from '../../../schemas/manifest.ts';
import type { ShardSchemaInput } from '../../../schemas/shard.ts';
import type { StreamRow } from '../../../schemas/stream.ts';
import type { ExtractedClip } from '../../extraction/extractor.ts';
import type { ShardThread } from '../../shards/write/batches/shard-thread.ts';
import type { FinishedShard } from '../../shards/write/batches/shard-thread-protocol.ts';
import type { ShardWriter } from '../../shards/write/shard-writer.ts';
import type { Store } from '../../store/store.ts';

export class StreamShard {
  readonly #store: Store;
  readonly #folder: string;
  readonly #split: Split;
  readonly #writer: ShardWriter<FinishedShard>;

  private constructor(store: Store, folder: string, split: Split, writer: ShardWriter<FinishedShard>) {
    this.#store = store;
    this.#folder = folder;
    this.#split = split;
    this.#writer = writer;
  }

  /**
   * @param manifest what the shard's schema says of the dataset
   * @param readSoon whether the finished shard is read soon
   */
  static async create(
    store: Store,
    thread: ShardThread,
    manifest: ShardSchemaInput,
    split: Split,
    readSoon: boolean,
  ): Promise<StreamShard> {
    const folder = await store.scratchFolder();
    const path = join(folder, FILE_NAME);
    const writer = await thread.createShard(path, manifest, readSoon || !store.movesFiles);
    return new StreamShard(store, folder, split, writer);
  }

  async append(row: StreamRow, { audio, rgb, flow }: ExtractedClip): Promise<void> {
    const { clipId, label, split, group, contentHash: sourceSha256 } = row;
    const features = {
      ...(audio === undefined ? {} : { audio }),
      ...(rgb === undefined ? {} : { rgb }),
      ...(flow === undefined ? {} : { flow }),
    };
    await this.#writer.append({ clipId, label, split, group, sourceSha256, ...features });
  }

  /** Moves the file to `path` of the store. @param key see `ShardEntry.key` */
  async finish(path: string, key: string): Promise<ShardEntry> {
    const finished = await this.#writer.finish();
    await this.#store.putFile(path, join(this.#folder, FILE_NAME));
    await rm(this.#folder, { recursive: true, force: true });
    return { path, split: this.#split, key, ...finished, quarantined: [] };
  }

  async discard(): Promise<void> {
    await this.#writer.abandon();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const FILE_NAME = 'shard.arrow';
