/**
 * MMCosine's head: s · Σ_u cos(W_u,k , z_u), a weight vector for each modality and class, no bias. The branch of u is
 * its term.
 *
 * Missing: the terms that are there are multiplied by |U| / (number present). The fused feature is
 * [z_1 / |z_1|; …; z_U / |z_U|] under the same scale.
 */
import { column, featureOf } from '../features.ts';
import { isPresent, presentCount } from '../../data/presence.ts';
import { unitLength } from '../../../engine/kernels/unit-length.ts';
import { uniform } from '../../../engine/network/parameters.ts';
import { tf, type Tensor2D } from '../../../engine/tensorflow.ts';
import type { NamedFusion } from './index.ts';

/** @param scale s */
export function cosineFusion(scale: number): NamedFusion {
  return {
    name: 'cosine',
    settings: { scale },
    create: (parameters, { modalities, featureSize, classes }) => {
      // Only directions count; these are those of a concatenation's classifier.
      const initial = uniform(1 / Math.sqrt(modalities.length * featureSize));
      const weights = new Map(
        modalities.map((modality) => [
          modality,
          parameters.learn(`fusion.classifier.${modality}.weight`, [featureSize, classes], initial),
        ]),
      );
      const term = (modality: (typeof modalities)[number], direction: Tensor2D): Tensor2D =>
        tf.mul(tf.matMul(direction, unitLength(weights.get(modality)! as Tensor2D, 0)), scale);
      return {
        fusedSize: modalities.length * featureSize,
        fuse: (features) => {
          const { size, present } = features;
          const directions = modalities.map((modality) =>
            tf.mul<Tensor2D>(
              unitLength(featureOf(features, modality), 1),
              column(size, (row) =>
                isPresent(present, modality, row)
                  ? modalities.length / presentCount(present, modalities, row)
                  : 0,
              ),
            ),
          );
          const terms = modalities.map((modality, at) => term(modality, directions[at]!));
          return { fused: tf.concat(directions, 1), logits: tf.addN(terms) };
        },
        branch: (modality, feature) => term(modality, unitLength(feature, 1)),
      };
    },
  };
}
