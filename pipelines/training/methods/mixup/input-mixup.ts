/**
 * Mixup of the inputs (Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, eq. 1):
 * x̃ = λ x_i + (1 − λ) x_j, ỹ = λ y_i + (1 − λ) y_j with λ ~ Beta(α, α) (`training.mixup.alpha`), one λ and one
 * permutation a batch. Here x is every modality's normalised spectrogram, frames or flow, all mixed with the same λ
 * and partners; where one of a pair lacks a modality, that modality is the other's alone and the label follows.
 */
import { BatchMixer } from './mix-batch.ts';
import { drawRatio } from './mixup.ts';
import type { CreateMethod, Method } from '../method.ts';
import { forwardMixedInputs, mixedInputsStep } from './mixed-inputs.ts';
import { sameRatio } from './mixed-step.ts';

export const createInputMixup: CreateMethod = ({ mixup }, modalities) => {
  const mixer = new BatchMixer();
  const forward: Method['forward'] = (model, batch, context) => {
    const ratio = drawRatio(context.random('lambda'), mixup.alpha);
    return forwardMixedInputs(mixer, model, batch, context, sameRatio(modalities, ratio));
  };
  return {
    forward,
    step: (tools, batch, context) =>
      mixedInputsStep(tools, batch, () => forward(tools.model, batch, context)),
  };
};
