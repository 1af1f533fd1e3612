/**
 * Mixup in numbers, without tensors (Zhang et al., ICLR 2018; on features: Ma, Ding, Chen, arXiv 2510.10986).
 * A batch is paired with a permutation of itself; each pair is a convex mix, and so is its label.
 */
import type { Modality, PerModality } from '../../../../schemas/modality.ts';
import type { Generator } from '../../../random/generator.ts';
import { isPresent, type Presence } from '../../data/presence.ts';

/** The mixing ratio of each modality: the share of the clip itself, against its partner's. */
export type Ratios = Readonly<Partial<Record<Modality, number>>>;

/**
 * λ₀ = max(λ, 1 − λ) with λ ~ Beta(α, α), in [½, 1]. Over random permutations this is the same mixup: λ and
 * 1 − λ with the pair's roles exchanged are one mix.
 */
export function drawRatio(random: Generator, alpha: number): number {
  const lambda = random.beta(alpha, alpha);
  return Math.max(lambda, 1 - lambda);
}

/** The partner j of each row i. */
export function drawPartners(random: Generator, size: number): Int32Array {
  return Int32Array.from(random.permutation(size));
}

export interface MixWeights {
  /** Share of the row itself; with `other` it adds up to 1, or both are 0. */
  readonly own: Float32Array;
  readonly other: Float32Array;
}

/**
 * Weights of z_i and z_j of one modality. Where only one of a pair has the modality, the mix is that one:
 * a feature is never mixed with a filler. With ratio 1 nothing is mixed, and what is missing stays so.
 */
export function mixWeights(
  ratio: number,
  modality: Modality,
  present: Presence,
  partners: Int32Array,
): MixWeights {
  const own = new Float32Array(partners.length);
  const other = new Float32Array(partners.length);
  for (const [i, j] of partners.entries()) {
    const hasOwn = isPresent(present, modality, i);
    const hasOther = isPresent(present, modality, j);
    own[i] = hasOwn ? (hasOther ? ratio : 1) : 0;
    other[i] = hasOther && ratio < 1 ? (hasOwn ? 1 - ratio : 1) : 0;
  }
  return { own, other };
}

/** Whose share mixes the label: by what each modality counts in the mean of theirs, or the λ that all were drawn by. */
export type MixedLabel = { readonly parts: Readonly<PerModality> } | { readonly lambda: number };

/**
 * What `mixLabels` is to see under the label rule `lambda`: each modality of a pair as λ alone would have mixed it, so
 * that the label is the one MM gives the pair. A complete pair gets λ; a modality that only one of the two has counts
 * as wholly that one's, as it does in the feature. Where all that a pair holds is mixed further than λ, nothing in it
 * holds λ, and the label follows the features that are there.
 *
 * @param weights of the features, by the λ^u
 * @returns one for each of `weights`, in its order
 */
export function lambdaWeights(
  lambda: number,
  weights: ReadonlyMap<Modality, MixWeights>,
  ratios: Ratios,
  present: Presence,
  partners: Int32Array,
): MixWeights[] {
  const kept = [...weights].filter(([modality]) => (ratios[modality] ?? 1) >= lambda).map(([, mix]) => mix);
  const holdsLambda = Uint8Array.from(partners, (_, row) =>
    Number(kept.some(({ own, other }) => own[row]! + other[row]! > 0)),
  );
  return [...weights].map(([modality, mixed]) => {
    const asMm = mixWeights(lambda, modality, present, partners);
    const choose = (side: 'own' | 'other') =>
      Float32Array.from(holdsLambda, (holds, row) => (holds === 1 ? asMm : mixed)[side][row]!);
    return { own: choose('own'), other: choose('other') };
  });
}

/**
 * Soft labels [B × K], row-major: ỹ = λ̄ y_i + (1 − λ̄) y_j, λ̄ the mean over the modalities of the pair of the
 * share that z_i has in the mix.
 *
 * @param parts what each modality counts in the mean; where a pair has none that counts, all do alike
 */
export function mixLabels(
  labels: Int32Array,
  partners: Int32Array,
  weights: readonly MixWeights[],
  classes: number,
  parts: readonly number[] = weights.map(() => 1),
): Float32Array {
  const mixed = new Float32Array(labels.length * classes);
  for (const [i, j] of partners.entries()) {
    const ownShare = meanShare(i, weights, parts) ?? meanShare(i, weights) ?? 1;
    mixed[i * classes + labels[i]!]! += ownShare;
    mixed[i * classes + labels[j]!]! += 1 - ownShare;
  }
  return mixed;
}

/** Nothing where none of the modalities that the pair has counts. */
function meanShare(
  row: number,
  weights: readonly MixWeights[],
  parts?: readonly number[],
): number | undefined {
  let [sum, total] = [0, 0];
  for (const [at, { own, other }] of weights.entries()) {
    if (own[row]! + other[row]! === 0) continue;
    const part = parts?.[at] ?? 1;
    sum += part * own[row]!;
    total += part;
  }
  return total === 0 ? undefined : sum / total;
}

/** One-hot labels [B × K], row-major. */
export function hardLabels(labels: Int32Array, classes: number): Float32Array {
  const hard = new Float32Array(labels.length * classes);
  for (const [i, label] of labels.entries()) hard[i * classes + label] = 1;
  return hard;
}
