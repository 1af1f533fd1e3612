/**
 * Manifold Mixup (Verma et al., "Manifold Mixup: Better Representations by Interpolating Hidden States", ICML 2019,
 * eq. 1): every step a depth is drawn from the eligible ones and the hidden state there is mixed, with one
 * λ ~ Beta(α, α), α = 2 as in its CIFAR experiments, for all modalities.
 *
 * Our reading for several encoders: one depth for all of them, either the inputs or the features before fusion
 * (`training.manifoldMixup.depths`); the paper's layers in between are not offered. With `[input]` it is input mixup,
 * with `[feature]` MM.
 */
import { BatchMixer } from './mix-batch.ts';
import { drawRatio } from './mixup.ts';
import type { CreateMethod, Method, StepContext } from '../method.ts';
import { forwardMixedInputs, mixedInputsStep } from './mixed-inputs.ts';
import { mixedStep, sameRatio } from './mixed-step.ts';

export const createManifoldMixup: CreateMethod = ({ manifoldMixup: { alpha, depths } }, modalities) => {
  const mixer = new BatchMixer();
  const depthOf = (context: StepContext) => depths[context.random('depth').integer(depths.length)]!;
  const forward: Method['forward'] = (model, batch, context) => {
    const ratios = sameRatio(modalities, drawRatio(context.random('lambda'), alpha));
    return depthOf(context) === 'input'
      ? forwardMixedInputs(mixer, model, batch, context, ratios)
      : mixedStep(model, batch, context, ratios);
  };
  return {
    forward,
    step: (tools, batch, context) => {
      const pass = () => forward(tools.model, batch, context);
      if (depthOf(context) === 'input') return mixedInputsStep(tools, batch, pass);
      const { loss, features, ratios, gradients } = tools.differentiate(pass);
      tools.observe(features);
      tools.apply(gradients);
      return { loss, ratios };
    },
  };
};
