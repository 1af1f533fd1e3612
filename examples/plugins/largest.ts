/**
 * A fusion: of each feature the largest over the modalities that are there, then a linear classifier, which is each branch's
 * as well.
 */
import type { Plugin } from 'modalmix';

/** Below every feature: they come out of a relu. */
const ABSENT = -1e9;

export default {
  fusions: {
    'x-largest': (kit, _settings, parameters, { modalities, featureSize, classes }) => {
      const { tf } = kit;
      const classifier = kit.createLinear(parameters, 'fusion.classifier', featureSize, classes);
      return {
        fusedSize: featureSize,
        fuse: (features) => {
          const { size, present } = features;
          const seen = modalities.map((modality) =>
            tf.add(
              kit.featureOf(features, modality),
              kit.column(size, (row) => (kit.isPresent(present, modality, row) ? 0 : ABSENT)),
            ),
          );
          const fused = seen.reduce((largest, one) =>
            tf.maximum(largest, one),
          ) as (typeof features.values)['rgb'] & object;
          return { fused, logits: classifier.apply(fused) };
        },
        branch: (_modality, feature) => classifier.apply(feature),
      };
    },
  },
} satisfies Plugin;
