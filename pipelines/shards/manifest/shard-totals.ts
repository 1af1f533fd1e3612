/** What shards' entries add up to, taken one after the other, in the manifest's order. Pure. */
import { SPLITS, type Split } from '../../../schemas/clip.ts';
import type { ChannelSums, DatasetManifest, Normalisation, ShardEntry } from '../../../schemas/manifest.ts';
import type { Modality } from '../../../schemas/modality.ts';
import { addSums, normalisationOf } from '../native/channel-sums.ts';

type SplitSummary = DatasetManifest['splits'][Split];

export class ShardTotals {
  readonly #modalities: readonly Modality[];
  readonly #splits: Record<Split, SplitSummary>;
  readonly #sums = new Map<Modality, ChannelSums>();
  #rows = 0;

  /** @param classes how many there are */
  constructor(classes: number, modalities: readonly Modality[]) {
    this.#modalities = modalities;
    const nothing = (): SplitSummary => ({
      rows: 0,
      classCounts: new Array<number>(classes).fill(0),
      missingCounts: Object.fromEntries(modalities.map((modality) => [modality, 0])),
    });
    this.#splits = Object.fromEntries(SPLITS.map((split) => [split, nothing()])) as Record<
      Split,
      SplitSummary
    >;
  }

  /** In shards so far. */
  get rows(): number {
    return this.#rows;
  }

  add({ split, rows, classCounts, missingCounts, sums }: ShardEntry): void {
    const own = this.#splits[split];
    this.#rows += rows;
    own.rows += rows;
    for (const label of own.classCounts.keys()) own.classCounts[label]! += classCounts[label] ?? 0;
    for (const modality of this.#modalities) {
      own.missingCounts[modality] = (own.missingCounts[modality] ?? 0) + (missingCounts[modality] ?? 0);
      const more = sums[modality];
      if (split === 'train' && more !== undefined) {
        this.#sums.set(modality, addSums(this.#sums.get(modality), more));
      }
    }
  }

  splits(): Record<Split, SplitSummary> {
    return this.#splits;
  }

  /** Mean and deviation over the training shards of each modality that they have. */
  normalisation(): Partial<Record<Modality, Normalisation>> {
    return Object.fromEntries(
      this.#modalities.flatMap((modality) => {
        const sums = this.#sums.get(modality);
        return sums === undefined ? [] : [[modality, normalisationOf(sums)]];
      }),
    );
  }
}
