/**
 * Residual networks (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, Table 1), without
 * the classifier: 7×7 convolution, pooling, four stages, mean over space. Names and padding are torchvision's,
 * so its weights can be used after turning filters from [D, C, h, w] to [h, w, C, D].
 */
import { batchNormInference, batchNormTraining, type BatchNormStatistics } from '../kernels/batch-norm.ts';
import { convolution } from '../kernels/convolution.ts';
import { maxPool } from '../kernels/max-pool.ts';
import { relu } from '../kernels/relu.ts';
import { constant, normal, type Parameters } from '../parameters.ts';
import { tf, type Tensor1D, type Tensor2D, type Tensor4D } from '../tensorflow.ts';
import type { Encoder } from './encoder.ts';

/** Basic blocks in each stage, by depth. */
const BLOCKS = { 18: [2, 2, 2, 2] } as const;
export type ResNetDepth = keyof typeof BLOCKS;

export interface ResNetOptions {
  readonly depth: ResNetDepth;
  /** Channels of the first stage; they double with each. 64 is the network as published. */
  readonly width: number;
  /** Channels of the images. */
  readonly channels: number;
}

type Layer = (x: Tensor4D, training: boolean) => Tensor4D;

/** Creates the parameters under `<name>.` and returns the network over them. */
export function createResNet(parameters: Parameters, name: string, options: ResNetOptions): Encoder {
  const { depth, width, channels } = options;
  const stem = convolutionLayer(parameters, `${name}.conv1`, {
    size: 7,
    stride: 2,
    from: channels,
    to: width,
    inputGradient: false,
  });
  const stemNorm = batchNormLayer(parameters, `${name}.bn1`, width);
  const blocks: Layer[] = [];
  let from = width;
  for (const [stage, count] of BLOCKS[depth].entries()) {
    const to = width * 2 ** stage;
    for (let block = 0; block < count; block += 1) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      blocks.push(
        basicBlock(parameters, `${name}.layer${String(stage + 1)}.${String(block)}`, from, to, stride),
      );
      from = to;
    }
  }
  return {
    featureSize: from,
    encode: (images, training) => {
      let x = relu(stemNorm(stem(images, training), training)); // [N, ⌈H/2⌉, ⌈W/2⌉, width]
      x = maxPool(x, { size: 3, stride: 2, pad: 1 }); // [N, ⌈H/4⌉, ⌈W/4⌉, width]
      for (const block of blocks) x = block(x, training); // … [N, ⌈H/32⌉, ⌈W/32⌉, 8·width]
      return tf.mean<Tensor2D>(x, [1, 2]); // [N, 8·width]
    },
  };
}

/** Two 3×3 convolutions and a shortcut, which is a strided 1×1 convolution where the shape changes. */
function basicBlock(parameters: Parameters, name: string, from: number, to: number, stride: number): Layer {
  const convolution1 = convolutionLayer(parameters, `${name}.conv1`, { size: 3, stride, from, to });
  const norm1 = batchNormLayer(parameters, `${name}.bn1`, to);
  const convolution2 = convolutionLayer(parameters, `${name}.conv2`, { size: 3, stride: 1, from: to, to });
  const norm2 = batchNormLayer(parameters, `${name}.bn2`, to);
  const shortcut =
    stride === 1 && from === to ? undefined : downsample(parameters, `${name}.downsample`, from, to, stride);
  return (x, training) => {
    const inner = relu(norm1(convolution1(x, training), training));
    const residual = norm2(convolution2(inner, training), training);
    return relu(tf.add(residual, shortcut === undefined ? x : shortcut(x, training)));
  };
}

function downsample(parameters: Parameters, name: string, from: number, to: number, stride: number): Layer {
  const project = convolutionLayer(parameters, `${name}.0`, { size: 1, stride, from, to });
  const norm = batchNormLayer(parameters, `${name}.1`, to);
  return (x, training) => norm(project(x, training), training);
}

interface ConvolutionLayerOptions {
  readonly size: number;
  readonly stride: number;
  readonly from: number;
  readonly to: number;
  readonly inputGradient?: boolean;
}

function convolutionLayer(parameters: Parameters, name: string, options: ConvolutionLayerOptions): Layer {
  const { size, stride, from, to, inputGradient = true } = options;
  // He et al. 2015, eq. 14: the deviation that keeps the variance of gradients through a relu.
  const filter = parameters.learn(
    `${name}.weight`,
    [size, size, from, to],
    normal(Math.sqrt(2 / (size * size * to))),
  );
  return (x) => convolution(x, filter as Tensor4D, { stride, pad: (size - 1) / 2, inputGradient });
}

function batchNormLayer(parameters: Parameters, name: string, channels: number): Layer {
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
