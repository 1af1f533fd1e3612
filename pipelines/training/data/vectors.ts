/** Vectors that were computed elsewhere, standardised by the training split's statistics. */
import type { Normalisation } from '../../../schemas/manifest.ts';
import { LEAST_DEVIATION } from '../../../schemas/shard.ts';

/**
 * Writes (value − mean) / deviation, each number of a vector by its own. One that is the same in all of the training split tells
 * nothing, and is 0: what it is elsewhere would otherwise be divided by next to nothing.
 *
 * @param data [F, D]
 * @param out as long as `data`
 */
export function standardise(data: Float32Array, { mean, std }: Normalisation, out: Float32Array): void {
  const dims = mean.length;
  for (let start = 0; start < out.length; start += dims) {
    for (let d = 0; d < dims; d += 1) {
      const deviation = std[d]!;
      out[start + d] = deviation > LEAST_DEVIATION ? (data[start + d]! - mean[d]!) / deviation : 0;
    }
  }
}
