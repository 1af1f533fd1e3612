/** On-the-fly prediction modulation in numbers (Wei et al., TPAMI 2024). */
import type { TrainingConfig } from '../../../../schemas/config/training-config.ts';
import { entriesOf, type PerModality } from '../../../../schemas/modality.ts';

/** θ must stay below 1. */
const MOST_DROPPED = 1 - 1e-5;

/** q^u = q_base · (1 + λ · tanh(ρ^u − 1)) where ρ^u > 1, else 0; in [0, 1). */
export function dropProbabilities(
  rho: Readonly<PerModality>,
  { dropBase, lambda }: TrainingConfig['opm'],
): PerModality {
  return Object.fromEntries(
    entriesOf(rho).map(([modality, value]) => [
      modality,
      value > 1 ? Math.min(MOST_DROPPED, dropBase * (1 + lambda * Math.tanh(value - 1))) : 0,
    ]),
  );
}
