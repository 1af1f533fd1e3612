/** What MM and B-MM share: mix each z_u with its partner's, fuse, and ask for the mixed label. */
import type { Modality } from '../../../../schemas/modality.ts';
import type { Batch } from '../../data/batches.ts';
import { featureOf, type Features } from '../../model/features.ts';
import {
  drawPartners,
  lambdaWeights,
  mixLabels,
  mixWeights,
  type MixedLabel,
  type MixWeights,
  type Ratios,
} from './mixup.ts';
import type { MultimodalModel } from '../../model/model.ts';
import { tf, type Tensor2D } from '../../../engine/tensorflow.ts';
import type { ForwardPass, StepContext } from '../method.ts';

/**
 * z̃_u = λ^u z_u,i + (1 − λ^u) z_u,j with one permutation for all modalities; cross-entropy with ỹ.
 *
 * @param label absent: the mean of the modalities' shares, all alike
 */
export function mixedStep(
  model: MultimodalModel,
  batch: Batch,
  context: StepContext,
  ratios: Ratios,
  label: MixedLabel = { parts: {} },
): ForwardPass {
  const features = model.encode(batch, true);
  const partners = drawPartners(context.random('pairs'), batch.size);
  const weights = new Map(
    model.modalities.map((modality) => [
      modality,
      mixWeights(ratios[modality] ?? 1, modality, batch.present, partners),
    ]),
  );
  const labels = mixLabels(
    batch.labels,
    partners,
    'lambda' in label
      ? lambdaWeights(label.lambda, weights, ratios, batch.present, partners)
      : [...weights.values()],
    model.classes,
    model.modalities.map((modality) => ('parts' in label ? (label.parts[modality] ?? 1) : 1)),
  );
  const { logits } = model.fuse(mixFeatures(features, partners, weights));
  return { features, ratios, loss: model.loss(logits, labels) };
}

function mixFeatures(
  features: Features,
  partners: Int32Array,
  weights: ReadonlyMap<Modality, MixWeights>,
): Features {
  const values: Partial<Record<Modality, Tensor2D>> = {};
  const present: Partial<Record<Modality, Uint8Array>> = {};
  for (const [modality, { own, other }] of weights) {
    const z = featureOf(features, modality);
    const shape: [number, number] = [features.size, 1];
    values[modality] = tf.add(
      tf.mul(tf.tensor2d(own, shape), z),
      tf.mul(tf.tensor2d(other, shape), tf.gather(z, tf.tensor1d(partners, 'int32'))),
    );
    present[modality] = Uint8Array.from(own, (share, row) => (share + other[row]! > 0 ? 1 : 0));
  }
  return { size: features.size, values, present };
}

/** One ratio for all modalities. */
export function sameRatio(modalities: readonly Modality[], ratio: number): Ratios {
  return Object.fromEntries(modalities.map((modality) => [modality, ratio]));
}
