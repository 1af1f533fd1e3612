/** Joint training, the plain baseline: cross-entropy of the fused logits. */
import { hardLabels } from './mixup/mixup.ts';
import type { CreateMethod } from './method.ts';

export const createJoint: CreateMethod = () => ({
  forward: (model, batch) => {
    const features = model.encode(batch, true);
    const { logits } = model.fuse(features);
    return { features, loss: model.loss(logits, hardLabels(batch.labels, model.classes)) };
  },
});
