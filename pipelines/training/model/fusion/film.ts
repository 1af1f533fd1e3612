/**
 * Feature-wise linear modulation (Perez et al., AAAI 2018) as in OGM-GE's `FiLM`: the first modality x gives
 * γ, β = V x + c, and W (γ ∘ y + β) + b is the prediction. With more than two modalities y is the mean of the
 * others.
 *
 * Missing: without x, γ = 1 and β = 0; without any y, β alone is classified; the mean is over those present.
 * The branch of a modality is the prediction with all others missing.
 */
import { column, featureOf } from '../features.ts';
import { isPresent, presentCount } from '../../data/presence.ts';
import { tf, type Tensor2D } from '../../../engine/tensorflow.ts';
import { createLinear, type CreateFusion } from './fusion.ts';

export const createFilm: CreateFusion = (parameters, { modalities, featureSize, classes }) => {
  const [first, ...others] = modalities;
  const modulator = createLinear(parameters, 'fusion.modulator', featureSize, 2 * featureSize);
  const classifier = createLinear(parameters, 'fusion.classifier', featureSize, classes);
  const modulation = (x: Tensor2D) => tf.split(modulator.apply(x), 2, 1) as [Tensor2D, Tensor2D];
  return {
    fusedSize: featureSize,
    fuse: (features) => {
      const { size, present } = features;
      const [gamma, beta] = modulation(featureOf(features, first!));
      const hasFirst = column(size, (row) => (isPresent(present, first!, row) ? 1 : 0));
      const lacksFirst = column(size, (row) => (isPresent(present, first!, row) ? 0 : 1));
      let fused = tf.mul<Tensor2D>(beta, hasFirst);
      if (others.length > 0) {
        const share = column(size, (row) => 1 / Math.max(1, presentCount(present, others, row)));
        const content = tf.mul(tf.addN(others.map((modality) => featureOf(features, modality))), share);
        const scale = tf.add(tf.mul(gamma, hasFirst), lacksFirst);
        fused = tf.add(tf.mul(scale, content), fused);
      }
      return { fused, logits: classifier.apply(fused) };
    },
    branch: (modality, feature) => classifier.apply(modality === first ? modulation(feature)[1] : feature),
  };
};
