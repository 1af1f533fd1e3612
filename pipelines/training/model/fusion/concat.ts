/**
 * Concatenation: W [z_1; …; z_U] + b, as in OGM-GE's `ConcatFusion` (Peng et al., CVPR 2022, eq. 1). The branch
 * of u is W_u z_u + b / |U| (its eq. 9), so that a clip's branches add up to its fused logits.
 *
 * Missing: z_u is zero and the others are multiplied by |U| / (number present), as dropout scales.
 */
import { column, featureOf } from '../features.ts';
import { isComplete, presentCount } from '../../data/presence.ts';
import { tf, type Tensor2D } from '../../../engine/tensorflow.ts';
import { createLinear, type CreateFusion } from './fusion.ts';

export const createConcat: CreateFusion = (parameters, { modalities, featureSize, classes }) => {
  const fusedSize = modalities.length * featureSize;
  const classifier = createLinear(parameters, 'fusion.classifier', fusedSize, classes);
  return {
    fusedSize,
    fuse: (features) => {
      const joined = tf.concat(
        modalities.map((modality) => featureOf(features, modality)),
        1,
      );
      const fused = isComplete(features.present, modalities)
        ? joined
        : tf.mul<Tensor2D>(
            joined,
            column(
              features.size,
              (row) => modalities.length / Math.max(1, presentCount(features.present, modalities, row)),
            ),
          );
      return { fused, logits: classifier.apply(fused) };
    },
    branch: (modality, feature) => {
      const start = modalities.indexOf(modality) * featureSize;
      const weight = tf.slice(classifier.weight, [start, 0], [featureSize, classes]) as Tensor2D;
      return tf.add<Tensor2D>(tf.matMul(feature, weight), tf.div(classifier.bias, modalities.length));
    },
  };
};
