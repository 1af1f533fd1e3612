/**
 * Runs an encoder's plan with TensorFlow.js: kernels one by one, gradients by its tape.
 *
 * With bfloat16, what layers hand on and its gradients are rounded where the compiled encoder stores them: the same
 * numbers, no less memory.
 */
import { batchNormInference, batchNormTraining, type BatchNormStatistics } from '../kernels/batch-norm.ts';
import { convolution } from '../kernels/convolution.ts';
import { maxPool } from '../kernels/max-pool.ts';
import { roundToBfloat16 } from '../kernels/bfloat16.ts';
import { relu } from '../kernels/relu.ts';
import type { Precision } from '../../../schemas/config/training-config.ts';
import { tf, type Tensor1D, type Tensor2D, type Tensor4D } from '../tensorflow.ts';
import type { Encoder } from './encoder.ts';
import type { ConvolutionNormParameters, PlanParameters } from './plan-parameters.ts';
import type { ConvolutionNormPlan, EncoderPlan, LayerPlan } from './plan.ts';

type Layer = (x: Tensor4D, training: boolean) => Tensor4D;

export function createTapedEncoder(
  plan: EncoderPlan,
  parameters: PlanParameters,
  precision: Precision = 'float32',
): Encoder {
  const handOn: HandOn = precision === 'bfloat16' ? roundToBfloat16 : (x) => x;
  const layers = plan.layers.map((layer, index) => createLayer(parameters, layer, handOn, index > 0));
  const encode: Encoder['encode'] = (images, training) => {
    let x = images;
    for (const layer of layers) x = layer(x, training);
    return tf.mean<Tensor2D>(x, [1, 2]);
  };
  return {
    featureSize: plan.featureSize,
    encode,
    encodeFixed: (images) => encode(images, false),
  };
}

/** What a layer does to what the next one gets. */
type HandOn = (x: Tensor4D) => Tensor4D;

/** @param inputGradient false for the first layer: no gradient for the images is computed */
function createLayer(
  parameters: PlanParameters,
  plan: LayerPlan,
  handOn: HandOn,
  inputGradient: boolean,
): Layer {
  switch (plan.kind) {
    case 'convolution-norm':
      return createConvolutionNorm(parameters, plan, handOn, { inputGradient });
    case 'max-pool':
      return (x) => maxPool(x, plan);
    case 'residual': {
      const { shortcut: side, branch: layers } = plan;
      const branch = layers.map((layer) =>
        // The last one's output is first added to the shortcut's.
        createConvolutionNorm(parameters, layer, handOn, { inside: layer === layers.at(-1) }),
      );
      const shortcut = side === undefined ? undefined : createConvolutionNorm(parameters, side, handOn);
      return (x, training) => {
        let residual = x;
        for (const layer of branch) residual = layer(residual, training);
        return handOn(relu(tf.add(residual, shortcut === undefined ? x : shortcut(x, training))));
      };
    }
  }
}

function createConvolutionNorm(
  parameters: PlanParameters,
  plan: ConvolutionNormPlan,
  handOn: HandOn,
  { inputGradient = true, inside = false } = {},
): Layer {
  const { stride, pad } = plan;
  const { filter, ...rest } = parameters.get(plan)!;
  const norm = createNorm(rest);
  return (x, training) => {
    const convolved = handOn(convolution(x, filter as Tensor4D, { stride, pad, inputGradient }));
    const y = norm(convolved, training);
    const activated = plan.relu ? relu(y) : y;
    return inside ? activated : handOn(activated);
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
