/**
 * Sum of the modalities' own classifiers, Σ_u (W_u z_u + b_u), as in OGM-GE's `SumFusion`. The branch of u is its
 * term. (OGM-GE's code halves the bias of a term when it judges it; then the branches would not add up.)
 *
 * Missing: the terms that are there are multiplied by |U| / (number present). The fused feature, for pictures
 * of the feature space, is [z_1; …; z_U] under the same scale.
 */
import { column, featureOf } from '../features.ts';
import { isComplete, isPresent, presentCount } from '../../data/presence.ts';
import { tf, type Tensor2D } from '../../../engine/tensorflow.ts';
import { createClassifiers, type CreateFusion } from './fusion.ts';

export const createSum: CreateFusion = (parameters, options) => {
  const { modalities, featureSize } = options;
  const classify = createClassifiers(parameters, options);
  return {
    fusedSize: modalities.length * featureSize,
    fuse: (features) => {
      const complete = isComplete(features.present, modalities);
      const weigh = (modality: (typeof modalities)[number], x: Tensor2D): Tensor2D =>
        complete
          ? x
          : tf.mul(
              x,
              column(features.size, (row) =>
                isPresent(features.present, modality, row)
                  ? modalities.length / presentCount(features.present, modalities, row)
                  : 0,
              ),
            );
      const terms = modalities.map((modality) =>
        weigh(modality, classify(modality, featureOf(features, modality))),
      );
      const inputs = modalities.map((modality) => weigh(modality, featureOf(features, modality)));
      return { fused: tf.concat(inputs, 1), logits: tf.addN(terms) };
    },
    branch: classify,
  };
};
