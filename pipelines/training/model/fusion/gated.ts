/**
 * Gated fusion (Kiela et al., "Efficient Large-Scale Multi-Modal Classification", AAAI 2018) as in OGM-GE's
 * `GatedFusion`: h_u = V_u z_u + c_u; the first modality is the gate, W (σ(h_x) ∘ h_y) + b the prediction. With
 * more than two modalities h_y is the mean of the others.
 *
 * Missing: without x the gate is open; without any y, h_x itself is classified; the mean is over those present.
 * The branch of a modality is the prediction with all others missing.
 */
import { column, featureOf } from '../features.ts';
import { isPresent, presentCount } from '../../data/presence.ts';
import { tf, type Tensor2D } from '../../../engine/tensorflow.ts';
import { createLinear, type CreateFusion } from './fusion.ts';

export const createGated: CreateFusion = (parameters, { modalities, featureSize, classes }) => {
  const [first, ...others] = modalities;
  const hidden = new Map(
    modalities.map((modality) => [
      modality,
      createLinear(parameters, `fusion.hidden.${modality}`, featureSize, featureSize),
    ]),
  );
  const classifier = createLinear(parameters, 'fusion.classifier', featureSize, classes);
  return {
    fusedSize: featureSize,
    fuse: (features) => {
      const { size, present } = features;
      const gating = hidden.get(first!)!.apply(featureOf(features, first!));
      const has = (count: (row: number) => number) => column(size, (row) => (count(row) > 0 ? 1 : 0));
      const hasFirst = has((row) => Number(isPresent(present, first!, row)));
      const lacksFirst = tf.sub(1, hasFirst);
      const lacksOthers = tf.sub(
        1,
        has((row) => presentCount(present, others, row)),
      );
      // Only a row without any other modality is classified by h_x.
      let fused = tf.mul<Tensor2D>(gating, lacksOthers);
      if (others.length > 0) {
        const contents = others.map((modality) =>
          tf.mul(
            hidden.get(modality)!.apply(featureOf(features, modality)),
            column(size, (row) =>
              isPresent(present, modality, row) ? 1 / presentCount(present, others, row) : 0,
            ),
          ),
        );
        const gate = tf.add(tf.mul(tf.sigmoid(gating), hasFirst), lacksFirst);
        fused = tf.add(fused, tf.mul(gate, tf.addN(contents)));
      }
      return { fused, logits: classifier.apply(fused) };
    },
    branch: (modality, feature) => classifier.apply(hidden.get(modality)!.apply(feature)),
  };
};
