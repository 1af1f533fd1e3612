/**
 * How B-MM sets the mixing ratios from the discrepancy ratios. "Mixup Helps Understanding Multimodal Video
 * Better" (Ma, Ding, Chen, arXiv 2510.10986) says that they follow each modality's contribution; its equation is not
 * in the public text at hand. `strongFurther` is our reading of it, chosen by evidence among the rules here
 * (docs/method.md); the others are ablations.
 */
import type { TrainingConfig } from '../../../../schemas/config/training-config.ts';
import type { Modality, PerModality } from '../../../../schemas/modality.ts';
import type { MixedLabel, Ratios } from './mixup.ts';

type Balance = TrainingConfig['balance'];

/**
 * The default rule, `strong-further`: a modality that leads the mean of the others (ρ^u > 1) is mixed further, by its
 * own ρ^u; the others keep λ, and so does the label (`labels: lambda`). With
 * k^u = 1 − tanh(γ · max(0, ρ^u − 1)) in (0, 1]:
 *
 *   λ^u = ½ + (λ − ½) k^u,  which is λ where ρ^u ≤ 1
 *
 * ρ = 1 or γ = 0 gives λ to all, to the last bit: MM. Of two modalities at most one leads; of three, two may.
 *
 * Why this direction: the modality that leads is the one that overfits, and mixing it less, as `strong-less` does,
 * regularises it less. Why this label: the weak modality holds λ of the clip, so the label is what its feature says;
 * a label by the mean of the λ^u asks more of the strong one's feature than it holds, which makes its logits grow.
 *
 * @param ratio λ in [½, 1]
 * @param rho discrepancy ratios, > 0
 * @param gamma ≥ 0
 * @returns λ^u in [½, λ]
 */
export function strongFurther(ratio: number, rho: Readonly<PerModality>, gamma: number): PerModality {
  // λ − ½ and its sum with ½ are exact for λ in [½, 1], so k = 1 gives λ itself.
  return mapValues(rho, (value) => 0.5 + (ratio - 0.5) * (1 - Math.tanh(gamma * Math.max(0, value - 1))));
}

/**
 * The rule `strong-less`, the default of earlier versions: the modality that tells more (ρ > 1) is mixed less, toward
 * its clean feature, and the one that tells less is mixed more. With k^u = 1 − tanh(γ · (max(ρ^u, 1/ρ^u) − 1)):
 *
 *   ρ^u ≥ 1:  λ^u = λ + (1 − λ)(1 − k^u)
 *   ρ^u < 1:  λ^u = ½ + (λ − ½) k^u
 *
 * `opposite` is the same with 1/ρ^u in place of ρ^u: the strong one more and the weak one less. ρ = 1 or γ = 0: MM.
 *
 * @param ratio λ in [½, 1]
 * @param rho discrepancy ratios, > 0
 * @returns λ^u in [½, 1]
 */
export function strongLess(ratio: number, rho: Readonly<PerModality>, gamma: number): PerModality {
  return mapValues(rho, (value) => {
    const k = 1 - Math.tanh(gamma * (Math.max(value, 1 / value) - 1));
    return value >= 1 ? ratio + (1 - ratio) * (1 - k) : 0.5 + (ratio - 0.5) * k;
  });
}

/** What a step mixes with. */
export interface StepMix {
  readonly ratios: Ratios;
  readonly label: MixedLabel;
}

/**
 * The ratios and the label of one step, by what the config says.
 *
 * @param draw λ in [½, 1]: for all modalities, or for one
 */
export function stepMix(
  draw: (modality?: Modality) => number,
  rho: Readonly<PerModality>,
  balance: Balance,
): StepMix {
  if (balance.rule === 'independent') {
    const ratios = mapValues(rho, (_, modality) => draw(modality));
    return {
      ratios: onlyMixed(ratios, rho, balance.mixed),
      label: { parts: labelParts(rho, balance.labels) },
    };
  }
  const lambda = draw();
  return {
    ratios: onlyMixed(ratiosOf(lambda, rho, balance), rho, balance.mixed),
    label: balance.labels === 'lambda' ? { lambda } : { parts: labelParts(rho, balance.labels) },
  };
}

function ratiosOf(lambda: number, rho: Readonly<PerModality>, { rule, gamma }: Balance): PerModality {
  if (rule === 'strong-further') return strongFurther(lambda, rho, gamma);
  return strongLess(lambda, rule === 'opposite' ? mapValues(rho, (value) => 1 / value) : rho, gamma);
}

/** The modalities that are not to be mixed stay clean. */
function onlyMixed(ratios: PerModality, rho: Readonly<PerModality>, mixed: Balance['mixed']): PerModality {
  return mapValues(ratios, (ratio, modality) => (counts(mixed, rho[modality] ?? 1) ? ratio : 1));
}

/**
 * What each modality's λ^u counts in the label's. `share` is s^u / Σ s: with |U| modalities and ρ^u = s^u / mean of
 * the others, that is ρ^u / (ρ^u + |U| − 1).
 */
function labelParts(rho: Readonly<PerModality>, labels: Balance['labels']): PerModality {
  const others = Object.keys(rho).length - 1;
  return mapValues(rho, (value) => {
    if (labels === 'share') return value / (value + others);
    return Number(labels === 'strong' || labels === 'weak' ? counts(labels, value) : true);
  });
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
