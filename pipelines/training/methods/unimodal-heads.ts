/** A linear head for each modality beside the fusion, z_u → K classes; it is also what judges the modality alone. */
import { createClassifiers } from '../model/fusion/fusion.ts';
import { hardLabels } from './mixup/mixup.ts';
import type { CreateExtension, MultimodalModel } from '../model/model.ts';
import type { Batch } from '../data/batches.ts';
import type { Features } from '../model/features.ts';
import type { Modality } from '../../../schemas/modality.ts';
import type { Scalar } from '../../engine/tensorflow.ts';

const HEADS = 'heads';

/** Parameters `heads.<modality>`. */
export const createUnimodalHeads: CreateExtension = (parameters, options) => ({
  branch: createClassifiers(parameters, options, HEADS),
  heads: HEADS,
});

/** Cross-entropy of one modality's own prediction, over the clips that have it. */
export function unimodalLoss(
  model: MultimodalModel,
  features: Features,
  { labels, present }: Batch,
  modality: Modality,
): Scalar {
  return model.loss(model.branch(features, modality), hardLabels(labels, model.classes), present[modality]);
}
