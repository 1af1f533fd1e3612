/**
 * How B-MM sets the mixing ratios from the discrepancy ratios. "Mixup Helps Understanding Multimodal Video
 * Better" (Ma, Ding, Chen, arXiv 2510.10986) says that they follow each modality's contribution; this formula is
 * our reading of it, not the paper's own.
 */
import type { Modality } from '../../schemas/modality.ts';
import type { Ratios } from './mixup.ts';

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
