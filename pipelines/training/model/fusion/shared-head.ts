/**
 * One classifier for all modalities, as MLA has it (Zhang et al., CVPR 2024): each modality's logits are W z_u + b, and
 * the prediction is their mean, weighted by how certain each is of this clip: with e_u the entropy of softmax(logits
 * of u), λ_u = exp(max e − e_u) / Σ_v exp(max e − e_v); or the plain mean. Missing: only those present are weighed.
 */
import { column, featureOf } from '../features.ts';
import { isPresent } from '../../data/presence.ts';
import { tf, type Tensor2D } from '../../../engine/tensorflow.ts';
import { createLinear, type CreateFusion } from './fusion.ts';
import type { NamedFusion } from './index.ts';

/** In place of the certainty of a modality that is not there. */
export const ABSENT = -1e9;

export function sharedHead(weighting: 'entropy' | 'mean'): NamedFusion {
  const create: CreateFusion = (parameters, { modalities, featureSize, classes }) => {
    const classifier = createLinear(parameters, 'fusion.classifier', featureSize, classes);
    return {
      fusedSize: modalities.length * featureSize,
      fuse: (features) => {
        const logits = modalities.map((modality) => classifier.apply(featureOf(features, modality)));
        const certainties = modalities.map((modality, at) => {
          const absent = column(features.size, (row) =>
            isPresent(features.present, modality, row) ? 0 : ABSENT,
          );
          return weighting === 'mean' ? absent : tf.sub<Tensor2D>(absent, entropy(logits[at]!));
        });
        const shares = tf.split(tf.softmax(tf.concat(certainties, 1)), modalities.length, 1); // [B, 1] each
        const inputs = modalities.map((modality) => featureOf(features, modality));
        return {
          fused: tf.concat(inputs, 1),
          logits: tf.addN<Tensor2D>(logits.map((own, at) => tf.mul(own, shares[at]!))),
        };
      },
      branch: (_modality, feature) => classifier.apply(feature),
    };
  };
  return { name: 'shared-head', create, settings: { weighting } };
}

/** Of softmax(logits), [B, 1]. */
function entropy(logits: Tensor2D): Tensor2D {
  return tf.neg(tf.sum<Tensor2D>(tf.mul(tf.softmax(logits), tf.logSoftmax(logits)), 1, true));
}
