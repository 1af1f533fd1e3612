/** How much one modality tells against the others: OGM-GE's discrepancy ratio (Peng et al., CVPR 2022, eq. 8–9). */
import type { Modality, PerModality } from '../../../schemas/modality.ts';

/**
 * ρ^u = s^u / mean of the other modalities' s; 1 where there is nothing to compare.
 *
 * @param scores s^u = Σ_n softmax(branch logits of u)[y_n], over clips that have every modality
 */
export function discrepancyRatios(scores: Readonly<PerModality>): PerModality {
  const entries = Object.entries(scores) as [Modality, number][];
  return Object.fromEntries(
    entries.map(([modality, score]) => {
      const others = entries.filter(([other]) => other !== modality);
      const mean = others.reduce((sum, [, other]) => sum + other, 0) / others.length;
      return [modality, score > 0 && mean > 0 ? score / mean : 1];
    }),
  );
}
