/** Runs an encoder's plan with TensorFlow.js: kernels one by one, gradients by its tape. */
import { batchNormInference, batchNormTraining, type BatchNormStatistics } from '../kernels/batch-norm.ts';
import { convolution } from '../kernels/convolution.ts';
import { maxPool } from '../kernels/max-pool.ts';
import { relu } from '../kernels/relu.ts';
import { tf, type Tensor1D, type Tensor2D, type Tensor4D } from '../tensorflow.ts';
import type { Encoder } from './encoder.ts';
import type { ConvolutionNormParameters, PlanParameters } from './plan-parameters.ts';
import type { ConvolutionNormPlan, EncoderPlan, LayerPlan } from './plan.ts';

type Layer = (x: Tensor4D, training: boolean) => Tensor4D;

export function createTapedEncoder(plan: EncoderPlan, parameters: PlanParameters): Encoder {
  const layers = plan.layers.map((layer, index) => createLayer(parameters, layer, index > 0));
  return {
    featureSize: plan.featureSize,
    encode: (images, training) => {
      let x = images;
      for (const layer of layers) x = layer(x, training);
      return tf.mean<Tensor2D>(x, [1, 2]);
    },
  };
}

/** @param inputGradient false for the first layer: no gradient for the images is computed */
function createLayer(parameters: PlanParameters, plan: LayerPlan, inputGradient: boolean): Layer {
  switch (plan.kind) {
    case 'convolution-norm':
      return createConvolutionNorm(parameters, plan, inputGradient);
    case 'max-pool':
      return (x) => maxPool(x, plan);
    case 'residual': {
      const branch = plan.branch.map((layer) => createConvolutionNorm(parameters, layer));
      const shortcut =
        plan.shortcut === undefined ? undefined : createConvolutionNorm(parameters, plan.shortcut);
      return (x, training) => {
        let residual = x;
        for (const layer of branch) residual = layer(residual, training);
        return relu(tf.add(residual, shortcut === undefined ? x : shortcut(x, training)));
      };
    }
  }
}

function createConvolutionNorm(
  parameters: PlanParameters,
  plan: ConvolutionNormPlan,
  inputGradient = true,
): Layer {
  const { stride, pad } = plan;
  const { filter, ...rest } = parameters.get(plan)!;
  const norm = createNorm(rest);
  return (x, training) => {
    const y = norm(convolution(x, filter as Tensor4D, { stride, pad, inputGradient }), training);
    return plan.relu ? relu(y) : y;
  };
}

function createNorm({
  scale,
  offset,
  runningMean,
  runningVariance,
}: Omit<ConvolutionNormParameters, 'filter'>): Layer {
  const running = { mean: runningMean, variance: runningVariance } as unknown as BatchNormStatistics;
  return (x, training) =>
    training
      ? batchNormTraining(x, scale as Tensor1D, offset as Tensor1D, running, (moved) => {
          runningMean.assign(moved.mean);
          runningVariance.assign(moved.variance);
        })
      : batchNormInference(x, scale as Tensor1D, offset as Tensor1D, running);
}
