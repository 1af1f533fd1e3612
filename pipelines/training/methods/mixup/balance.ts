/**
 * How B-MM sets the mixing ratios from the discrepancy ratios. "Mixup Helps Understanding Multimodal Video
 * Better" (Ma, Ding, Chen, arXiv 2510.10986) says that they follow each modality's contribution; this formula is
 * our reading of it, not the paper's own.
 */
import type { TrainingConfig } from '../../../../schemas/config/training-config.ts';
import type { Modality } from '../../../../schemas/modality.ts';
import type { PerModality } from '../../../../schemas/modality.ts';
import type { Ratios } from './mixup.ts';

type Balance = TrainingConfig['balance'];

/**
 * Negative feedback: the modality that tells more (ρ > 1) is mixed less, toward its clean feature; the one
 * that tells less is mixed more, so that the shared label asks more of its encoder. With
 * k^u = 1 − tanh(γ · (max(ρ^u, 1/ρ^u) − 1)) in (0, 1]:
 *
 *   ρ^u ≥ 1:  λ^u = λ₀ + (1 − λ₀)(1 − k^u)
 *   ρ^u < 1:  λ^u = ½ + (λ₀ − ½) k^u
 *
 * For two modalities 1/ρ of the weak one is ρ of the strong one, so both use the same k; for more, each uses its
 * own. ρ = 1 or γ = 0 gives λ^u = λ₀: MM.
 *
 * @param ratio λ₀ in [½, 1]
 * @param rho discrepancy ratios, > 0
 */
export function balanceRatios(
  ratio: number,
  rho: Readonly<Partial<Record<Modality, number>>>,
  gamma: number,
): Ratios {
  const ratios: Partial<Record<Modality, number>> = {};
  for (const [modality, value] of Object.entries(rho) as [Modality, number][]) {
    const k = 1 - Math.tanh(gamma * (Math.max(value, 1 / value) - 1));
    ratios[modality] = value >= 1 ? ratio + (1 - ratio) * (1 - k) : 0.5 + (ratio - 0.5) * k;
  }
  return ratios;
}

/**
 * The ratios of one step, by the rule and the modalities that the config names.
 *
 * @param draw λ₀ in [½, 1]: for all modalities, or for one
 */
export function stepRatios(
  draw: (modality?: Modality) => number,
  rho: Readonly<PerModality>,
  { gamma, rule, mixed }: Balance,
): Ratios {
  const ratios: PerModality =
    rule === 'independent'
      ? mapValues(rho, (_, modality) => draw(modality))
      : { ...balanceRatios(draw(), rule === 'opposite' ? mapValues(rho, (value) => 1 / value) : rho, gamma) };
  return mapValues(ratios, (ratio, modality) => (counts(mixed, rho[modality] ?? 1) ? ratio : 1));
}

/**
 * What each modality's λ^u counts in the label's. `share` is s^u / Σ s: with |U| modalities and ρ^u = s^u / mean of
 * the others, that is ρ^u / (ρ^u + |U| − 1).
 */
export function labelParts(rho: Readonly<PerModality>, labels: Balance['labels']): PerModality {
  const others = Object.keys(rho).length - 1;
  return mapValues(rho, (value) =>
    labels === 'share' ? value / (value + others) : Number(labels === 'mean' || counts(labels, value)),
  );
}

/** ρ = 1 is strong and weak: before anything is measured, nobody is left out. */
function counts(which: Balance['mixed'], rho: number): boolean {
  return which === 'all' || (which === 'strong' ? rho >= 1 : rho <= 1);
}

function mapValues(
  values: Readonly<PerModality>,
  change: (value: number, modality: Modality) => number,
): PerModality {
  return Object.fromEntries(
    (Object.entries(values) as [Modality, number][]).map(([modality, value]) => [
      modality,
      change(value, modality),
    ]),
  );
}
