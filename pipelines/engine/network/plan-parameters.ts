/** The parameters of an encoder's plan: created in the plan's order, with their initial values. */
import { constant, normal, type Parameters } from './parameters.ts';
import type { Variable } from '../tensorflow.ts';
import { convolutionNorms, type ConvolutionNormPlan, type EncoderPlan } from './plan.ts';

export interface ConvolutionNormParameters {
  readonly filter: Variable;
  readonly scale: Variable;
  readonly offset: Variable;
  readonly runningMean: Variable;
  readonly runningVariance: Variable;
}

export type PlanParameters = ReadonlyMap<ConvolutionNormPlan, ConvolutionNormParameters>;

/** Creates the plan's parameters under `<name>.`. */
export function createPlanParameters(
  parameters: Parameters,
  name: string,
  plan: EncoderPlan,
): PlanParameters {
  return new Map(
    convolutionNorms(plan).map((layer) => {
      const { size, from, to } = layer;
      // He et al. 2015, eq. 14: the deviation that keeps the variance of gradients through a relu.
      const deviation = Math.sqrt(2 / (size * size * to));
      const norm = `${name}.${layer.norm}`;
      const created = {
        filter: parameters.learn(
          `${name}.${layer.convolution}.weight`,
          [size, size, from, to],
          normal(deviation),
        ),
        scale: parameters.learn(`${norm}.weight`, [to], constant(1)),
        offset: parameters.learn(`${norm}.bias`, [to], constant(0)),
        runningMean: parameters.track(`${norm}.running_mean`, [to], 0),
        runningVariance: parameters.track(`${norm}.running_var`, [to], 1),
      };
      return [layer, created];
    }),
  );
}
