/** The model that a spec describes. */
import type { TrainingSpec } from '../../../schemas/training.ts';
import { namedFusion, type NamedFusion } from '../model/fusion/index.ts';
import type { LossSettings } from '../model/losses.ts';
import { METHOD_OF } from '../methods/index.ts';
import { MultimodalModel } from '../model/model.ts';

/** How the spec's model joins its modalities: as its method wants it, else as configured. */
export function fusionOf({ method, training, modalities }: TrainingSpec): NamedFusion {
  return namedFusion(METHOD_OF[method](training, modalities).fusion ?? training.fusion);
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
  const { method, modalities, training, seed } = spec;
  return new MultimodalModel({
    modalities,
    encoder: training.encoder,
    features: { dims: spec.featureDims, hidden: training.featureEncoder?.hidden },
    precision: training.precision,
    fusion: fusionOf(spec),
    classes,
    seed: weights === 'initial' ? seed : undefined,
    extend: METHOD_OF[method](training, modalities).extend,
    loss,
    frozen: training.freeze,
  });
}
