/**
 * MMCosine, multi-modal cosine loss (Xu et al., "MMCosine: Multi-Modal Cosine Loss Towards Balanced Audio-Visual
 * Fine-Grained Learning", ICASSP 2023): joint training of a head that normalises features and weights modality by
 * modality, logits s · Σ_u cos(W_u , z_u), so that no modality leads by the length of its vectors alone. The model is
 * judged by the same head (`fusion/cosine.ts`).
 *
 * The paper's text was not at hand; the formula and s = 10 are those of its authors' code, without the contrastive
 * term that is off there.
 */
import { cosineFusion } from '../model/fusion/cosine.ts';
import { createJoint } from './joint.ts';
import type { CreateMethod } from './method.ts';

export const createMmcosine: CreateMethod = (training, modalities) => ({
  fusion: cosineFusion(training.mmcosine.scale),
  forward: createJoint(training, modalities).forward,
});
