/**
 * Late fusion of models trained alone: each modality has its own classifier, and the fused prediction is the mean
 * of their probabilities over the modalities a clip has. Used by the method `unimodal`, whatever fusion is
 * configured. Its logits are the logarithms of these means, so that a softmax gives the means back.
 */
import { featureOf, column } from '../features.ts';
import { isPresent, presentCount } from '../../data/presence.ts';
import { tf, type Tensor2D } from '../../../engine/tensorflow.ts';
import { createClassifiers, type CreateFusion } from './fusion.ts';

/** Below any float32 probability that matters; keeps the logarithm finite. */
const SMALLEST_PROBABILITY = 1e-30;

export const createLate: CreateFusion = (parameters, options) => {
  const { modalities, featureSize } = options;
  const classify = createClassifiers(parameters, options);
  return {
    fusedSize: modalities.length * featureSize,
    fuse: (features) => {
      const { size, present } = features;
      const weighted = modalities.map((modality) => {
        const logits = classify(modality, featureOf(features, modality));
        return tf.mul<Tensor2D>(
          tf.softmax(logits),
          column(size, (row) =>
            isPresent(present, modality, row) ? 1 / presentCount(present, modalities, row) : 0,
          ),
        );
      });
      const inputs = modalities.map((modality) => featureOf(features, modality));
      return {
        fused: tf.concat(inputs, 1),
        logits: tf.log(tf.add(tf.addN(weighted), SMALLEST_PROBABILITY)),
      };
    },
    branch: classify,
  };
};
