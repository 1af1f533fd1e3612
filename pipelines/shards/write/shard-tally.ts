/** Counts and sums over the rows of a shard that is being written: the part of its entry that rows add up to. */
import type { ChannelSums, ShardEntry } from '../../../schemas/manifest.ts';
import { inOrder, type MediaModality, type Modality, isFeatures } from '../../../schemas/modality.ts';
import type { StoredRow } from './batches/batch-memory.ts';
import { addSums, sumChannels } from '../native/channel-sums.ts';
import { decodeHalves, encodeHalves } from '../native/float16.ts';
import type { ShardRow } from '../read/row-reader.ts';

const CHANNELS: Readonly<Record<MediaModality, number>> = { audio: 1, rgb: 3, flow: 2 };

export class ShardTally {
  readonly #classCounts: number[];
  readonly #missingCounts: Partial<Record<Modality, number>>;
  readonly #sums: Partial<Record<Modality, ChannelSums>> = {};
  readonly #modalities: readonly Modality[];

  /** @param classes how many there are */
  constructor(classes: number, modalities: readonly Modality[]) {
    this.#classCounts = new Array<number>(classes).fill(0);
    this.#modalities = inOrder(modalities);
    this.#missingCounts = Object.fromEntries(this.#modalities.map((name) => [name, 0]));
  }

  /** @param row its features as they will be read back: see `asStored` */
  add(label: number, row: StoredRow): void {
    this.#classCounts[label] = (this.#classCounts[label] ?? 0) + 1;
    for (const modality of this.#modalities) {
      const feature = row[modality];
      if (feature === undefined) {
        this.#missingCounts[modality] = (this.#missingCounts[modality] ?? 0) + 1;
      } else {
        const channels = isFeatures(modality) ? row[modality]!.shape[1] : CHANNELS[modality];
        const sums = sumChannels(feature.data, channels);
        this.#sums[modality] = addSums(this.#sums[modality], sums);
      }
    }
  }

  totals(): Pick<ShardEntry, 'classCounts' | 'missingCounts' | 'sums'> {
    return { classCounts: this.#classCounts, missingCounts: this.#missingCounts, sums: this.#sums };
  }
}

/** What a reader will get back, so that sums are the same for a row that was copied and one that was extracted. */
export function asStored(row: ShardRow, storage: 'float16' | 'float32'): ShardRow {
  const { audio, ...rest } = row;
  return {
    ...rest,
    ...(audio === undefined
      ? {}
      : {
          audio: storage === 'float16' ? { ...audio, data: decodeHalves(encodeHalves(audio.data)) } : audio,
        }),
  };
}
