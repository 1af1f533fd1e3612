/** The model that a spec describes. */
import type { TrainingSpec } from '../../../schemas/training.ts';
import { namedFusion, type NamedFusion } from '../model/fusion/index.ts';
import type { LossSettings } from '../model/losses.ts';
import { methodOf } from '../methods/index.ts';
import { MultimodalModel } from '../model/model.ts';

/** How the spec's model joins its modalities: as its method wants it, else as configured. */
export function fusionOf(spec: TrainingSpec): NamedFusion {
  return namedFusion(methodOf(spec).fusion ?? spec.training.fusion);
}

/**
 * The caller disposes it.
 *
 * @param weights `none`: the caller writes all of them
 * @param loss of a model that is trained
 */
export function createModel(
  spec: TrainingSpec,
  classes: number,
  weights: 'initial' | 'none' = 'initial',
  loss?: LossSettings,
): MultimodalModel {
  const { modalities, training, seed } = spec;
  return new MultimodalModel({
    modalities,
    encoder: training.encoder,
    features: { dims: spec.featureDims, hidden: training.featureEncoder?.hidden },
    precision: training.precision,
    fusion: fusionOf(spec),
    classes,
    seed: weights === 'initial' ? seed : undefined,
    extend: methodOf(spec).extend,
    loss,
    frozen: training.freeze,
  });
}
