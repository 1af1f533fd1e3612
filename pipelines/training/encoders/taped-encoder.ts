/** Runs an encoder's plan with TensorFlow.js: kernels one by one, gradients by its tape. */
import { batchNormInference, batchNormTraining, type BatchNormStatistics } from '../kernels/batch-norm.ts';
import { convolution } from '../kernels/convolution.ts';
import { maxPool } from '../kernels/max-pool.ts';
import { relu } from '../kernels/relu.ts';
import { constant, normal, type Parameters } from '../parameters.ts';
import { tf, type Tensor1D, type Tensor2D, type Tensor4D } from '../tensorflow.ts';
import type { Encoder } from './encoder.ts';
import type { ConvolutionNormPlan, EncoderPlan, LayerPlan } from './plan.ts';

type Layer = (x: Tensor4D, training: boolean) => Tensor4D;

/** Creates the plan's parameters under `<name>.` and returns the encoder over them. */
export function createTapedEncoder(parameters: Parameters, name: string, plan: EncoderPlan): Encoder {
  const layers = plan.layers.map((layer, index) => createLayer(parameters, name, layer, index > 0));
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
function createLayer(parameters: Parameters, name: string, plan: LayerPlan, inputGradient: boolean): Layer {
  switch (plan.kind) {
    case 'convolution-norm':
      return createConvolutionNorm(parameters, name, plan, inputGradient);
    case 'max-pool':
      return (x) => maxPool(x, plan);
    case 'residual': {
      const branch = plan.branch.map((layer) => createConvolutionNorm(parameters, name, layer));
      const shortcut =
        plan.shortcut === undefined ? undefined : createConvolutionNorm(parameters, name, plan.shortcut);
      return (x, training) => {
        let residual = x;
        for (const layer of branch) residual = layer(residual, training);
        return relu(tf.add(residual, shortcut === undefined ? x : shortcut(x, training)));
      };
    }
  }
}

function createConvolutionNorm(
  parameters: Parameters,
  name: string,
  plan: ConvolutionNormPlan,
  inputGradient = true,
): Layer {
  const { size, stride, pad, from, to } = plan;
  // He et al. 2015, eq. 14: the deviation that keeps the variance of gradients through a relu.
  const filter = parameters.learn(
    `${name}.${plan.convolution}.weight`,
    [size, size, from, to],
    normal(Math.sqrt(2 / (size * size * to))),
  );
  const norm = createNorm(parameters, `${name}.${plan.norm}`, to);
  return (x, training) => {
    const y = norm(convolution(x, filter as Tensor4D, { stride, pad, inputGradient }), training);
    return plan.relu ? relu(y) : y;
  };
}

function createNorm(parameters: Parameters, name: string, channels: number): Layer {
  const scale = parameters.learn(`${name}.weight`, [channels], constant(1));
  const offset = parameters.learn(`${name}.bias`, [channels], constant(0));
  const mean = parameters.track(`${name}.running_mean`, [channels], 0);
  const variance = parameters.track(`${name}.running_var`, [channels], 1);
  const running = { mean, variance } as unknown as BatchNormStatistics;
  return (x, training) =>
    training
      ? batchNormTraining(x, scale as Tensor1D, offset as Tensor1D, running, (moved) => {
          mean.assign(moved.mean);
          variance.assign(moved.variance);
        })
      : batchNormInference(x, scale as Tensor1D, offset as Tensor1D, running);
}
