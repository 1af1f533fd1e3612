/**
 * MM, multimodal mixup (Ma, Ding, Chen, "Mixup Helps Understanding Multimodal Video Better", arXiv 2510.10986):
 * one ratio λ ~ Beta(α, α) for all modalities of a batch. With concatenation this is mixing the fused feature.
 */
import { drawRatio } from './mixup.ts';
import type { CreateMethod } from '../method.ts';
import { mixedStep, sameRatio } from './mixed-step.ts';

export const createMm: CreateMethod = (training, modalities) => ({
  forward: (model, batch, context) => {
    const ratio = drawRatio(context.random('lambda'), training.mixup.alpha);
    return mixedStep(model, batch, context, sameRatio(modalities, ratio));
  },
});
