/**
 * Each modality alone: the sum of the branches' own cross-entropies, each over the clips that have the modality.
 * No parameter is shared, so this is |U| independent trainings side by side; the fused prediction is the mean of
 * their probabilities (`fusion/late.ts`).
 */
import { hardLabels } from './mixup/mixup.ts';
import { tf, type Scalar } from '../../engine/tensorflow.ts';
import type { CreateMethod } from './method.ts';

export const createUnimodal: CreateMethod = () => ({
  fusion: 'late',
  forward: (model, batch) => {
    const features = model.encode(batch, true);
    const labels = hardLabels(batch.labels, model.classes);
    const losses = model.modalities.map((modality) =>
      model.loss(model.branch(features, modality), labels, batch.present[modality]),
    );
    return { features, loss: tf.addN<Scalar>(losses) };
  },
});
