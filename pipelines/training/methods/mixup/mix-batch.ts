/** Mixes the inputs of a batch, as `mixWeights` says, before any encoder sees them. */
import type { Modality } from '../../../../schemas/modality.ts';
import type { Batch, Images } from '../../data/batches.ts';
import type { MixWeights } from './mixup.ts';

export class BatchMixer {
  /** Written again for every batch: fresh memory is an order slower. */
  readonly #buffers = new Map<Modality, Float32Array>();

  /**
   * x̃_u = own · x_u,i + other · x_u,j. A row that lacks a modality which its partner has gets the partner's.
   *
   * @returns a batch with the labels as they were, valid until the next call
   */
  mix(batch: Batch, partners: Int32Array, weights: ReadonlyMap<Modality, MixWeights>): Batch {
    const images: Partial<Record<Modality, Images>> = {};
    const present: Partial<Record<Modality, Uint8Array>> = {};
    for (const [modality, mix] of weights) {
      present[modality] = Uint8Array.from(mix.own, (own, row) => (own + mix.other[row]! > 0 ? 1 : 0));
      const given = batch.images[modality];
      if (given === undefined || given.rows.length === 0) continue;
      images[modality] = this.#mixImages(modality, given, partners, mix, present[modality]);
    }
    return { ...batch, present, images };
  }

  #mixImages(
    modality: Modality,
    { rows, shape, values }: Images,
    partners: Int32Array,
    { own, other }: MixWeights,
    present: Uint8Array,
  ): Images {
    const size = values.length / rows.length;
    const place = new Map([...rows].map((row, at) => [row, at]));
    const clipOf = (row: number) => {
      const at = place.get(row) ?? 0;
      return values.subarray(at * size, (at + 1) * size);
    };
    const mixedRows = Int32Array.from([...present.keys()].filter((row) => present[row] === 1));
    const out = this.#buffer(modality, mixedRows.length * size);
    for (const [at, row] of mixedRows.entries()) {
      const target = out.subarray(at * size, (at + 1) * size);
      const [a, b] = [own[row]!, other[row]!];
      if (a === 0 || b === 0) {
        target.set(clipOf(b === 0 ? row : partners[row]!));
        continue;
      }
      const x = clipOf(row);
      const y = clipOf(partners[row]!);
      for (let i = 0; i < size; i += 1) target[i] = a * x[i]! + b * y[i]!;
    }
    const [, ...clipShape] = shape;
    return { rows: mixedRows, shape: [mixedRows.length, ...clipShape], values: out };
  }

  #buffer(modality: Modality, length: number): Float32Array {
    let held = this.#buffers.get(modality);
    if (held === undefined || held.length < length) {
      held = new Float32Array(length);
      this.#buffers.set(modality, held);
    }
    return held.subarray(0, length);
  }
}
