/** A shard that a sink is filling: rows go to a local file as they come, and into the store when it is done. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Split } from '../../schemas/clip.ts';
import type { ShardEntry } from '../../schemas/manifest.ts';
import { shardSchema, type ShardSchemaInput } from '../../schemas/shard.ts';
import type { StreamRow } from '../../schemas/stream.ts';
import type { ExtractedClip } from '../extraction/extractor.ts';
import { asStored, ShardTally } from '../shards/shard-tally.ts';
import { ShardWriter } from '../shards/shard-writer.ts';
import type { Store } from '../store/store.ts';

export class StreamShard {
  readonly #store: Store;
  readonly #folder: string;
  readonly #split: Split;
  readonly #writer: ShardWriter;
  readonly #storage: 'float16' | 'float32';
  readonly #tally: ShardTally;

  private constructor(
    store: Store,
    folder: string,
    split: Split,
    writer: ShardWriter,
    manifest: ShardSchemaInput,
  ) {
    this.#store = store;
    this.#folder = folder;
    this.#split = split;
    this.#writer = writer;
    this.#storage = manifest.extraction.audio.storage;
    this.#tally = new ShardTally(manifest.classNames.length, manifest.extraction.modalities);
  }

  /** @param manifest what the shard's schema says of the dataset */
  static async create(store: Store, manifest: ShardSchemaInput, split: Split): Promise<StreamShard> {
    const folder = await store.scratchFolder();
    const writer = await ShardWriter.create(join(folder, FILE_NAME), shardSchema(manifest));
    return new StreamShard(store, folder, split, writer, manifest);
  }

  async append(row: StreamRow, features: ExtractedClip): Promise<void> {
    const { clipId, label, split, group, contentHash } = row;
    const stored = asStored(features, this.#storage);
    await this.#writer.append({ clipId, label, split, group, sourceSha256: contentHash, ...stored });
    this.#tally.add(label, stored);
  }

  /** Moves the file to `path` of the store. @param key see `ShardEntry.key` */
  async finish(path: string, key: string): Promise<ShardEntry> {
    const written = await this.#writer.finish();
    await this.#store.putFile(path, join(this.#folder, FILE_NAME));
    await rm(this.#folder, { recursive: true, force: true });
    return {
      path,
      split: this.#split,
      key,
      ...written,
      ...this.#tally.totals(),
      quarantined: [],
    };
  }

  async discard(): Promise<void> {
    await this.#writer.abandon();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const FILE_NAME = 'shard.arrow';
