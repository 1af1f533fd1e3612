/** A shard that a sink is filling: rows go to a local file as they come, and into the store when it is done. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Split } from '../../schemas/clip.ts';
import type { ChannelSums, ShardEntry } from '../../schemas/manifest.ts';
import { MODALITIES, type Modality } from '../../schemas/modality.ts';
import { shardSchema } from '../../schemas/shard.ts';
import type { StreamManifest, StreamRow } from '../../schemas/stream.ts';
import type { ExtractedClip } from '../extraction/extractor.ts';
import { addSums, sumChannels } from '../shards/channel-sums.ts';
import { ShardWriter } from '../shards/shard-writer.ts';
import type { Store } from '../store/store.ts';

export class StreamShard {
  readonly #store: Store;
  readonly #folder: string;
  readonly #split: Split;
  readonly #writer: ShardWriter;
  readonly #modalities: readonly Modality[];
  readonly #classCounts: number[];
  readonly #missingCounts: Partial<Record<Modality, number>>;
  readonly #sums: Partial<Record<Modality, ChannelSums>> = {};

  private constructor(
    store: Store,
    folder: string,
    split: Split,
    writer: ShardWriter,
    manifest: Pick<StreamManifest, 'modalities' | 'classNames'>,
  ) {
    this.#store = store;
    this.#folder = folder;
    this.#split = split;
    this.#writer = writer;
    this.#modalities = MODALITIES.filter((modality) => manifest.modalities.includes(modality));
    this.#classCounts = manifest.classNames.map(() => 0);
    this.#missingCounts = Object.fromEntries(this.#modalities.map((modality) => [modality, 0]));
  }

  static async create(store: Store, manifest: StreamManifest, split: Split): Promise<StreamShard> {
    const folder = await store.scratchFolder();
    const writer = await ShardWriter.create(join(folder, FILE_NAME), shardSchema(manifest));
    return new StreamShard(store, folder, split, writer, manifest);
  }

  async append(row: StreamRow, features: ExtractedClip): Promise<void> {
    const { clipId, label, split, group, contentHash } = row;
    const { audio, rgb, flow } = features;
    await this.#writer.append({
      ...{ clipId, label, split, group, sourceSha256: contentHash },
      ...(audio === undefined ? {} : { audio }),
      ...(rgb === undefined ? {} : { rgb }),
      ...(flow === undefined ? {} : { flow }),
    });
    this.#classCounts[label] = (this.#classCounts[label] ?? 0) + 1;
    for (const modality of this.#modalities) {
      const feature = features[modality];
      if (feature === undefined) {
        this.#missingCounts[modality] = (this.#missingCounts[modality] ?? 0) + 1;
      } else {
        this.#sums[modality] = addSums(this.#sums[modality], sumChannels(feature.data, CHANNELS[modality]));
      }
    }
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
      classCounts: this.#classCounts,
      missingCounts: this.#missingCounts,
      sums: this.#sums,
      quarantined: [],
    };
  }

  async discard(): Promise<void> {
    await this.#writer.abandon();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const CHANNELS: Readonly<Record<Modality, number>> = { audio: 1, rgb: 3, flow: 2 };
const FILE_NAME = 'shard.arrow';
