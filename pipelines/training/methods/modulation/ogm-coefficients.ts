/** On-the-fly gradient modulation in numbers (Peng et al., CVPR 2022, eq. 10). */
import { entriesOf, type PerModality } from '../../../../schemas/modality.ts';

/** k^u = 1 − tanh(α · ρ^u) where ρ^u > 1, else 1. */
export function modulationCoefficients(rho: Readonly<PerModality>, alpha: number): PerModality {
  return Object.fromEntries(
    entriesOf(rho).map(([modality, value]) => [modality, value > 1 ? 1 - Math.tanh(alpha * value) : 1]),
  );
}
