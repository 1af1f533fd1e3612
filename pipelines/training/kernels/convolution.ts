/**
 * 2-D convolution with PyTorch's symmetric padding. TensorFlow's SAME pads a stride of 2 on the right and
 * bottom only, so weights would not transfer; here the padding is the operator's own EXPLICIT one, which
 * copies nothing.
 */
import { attribute, executeOne, tf, type Tensor, type Tensor4D } from '../tensorflow.ts';
import { differentiable } from './differentiable.ts';
import { subsample } from './subsample.ts';

export interface ConvolutionOptions {
  readonly stride: number;
  /** Zeros on each of the four sides. */
  readonly pad: number;
  /** False for the first layer: no gradient for the images is computed. */
  readonly inputGradient?: boolean;
}

/** x [N, H, W, C] with filter [h, w, C, D] → [N, ⌊(H + 2·pad − h) / stride⌋ + 1, …, D] */
export function convolution(x: Tensor4D, filter: Tensor4D, options: ConvolutionOptions): Tensor4D {
  const [height, width] = filter.shape;
  if (height === 1 && width === 1 && options.stride > 1) {
    // oneDNN's filter gradient of a strided 1×1 convolution writes beyond its buffer when H or W is even
    // (libtensorflow 2.21). Only the pixels it would look at are kept, and the stride becomes 1.
    return convolution(subsample(x, options.stride), filter, { ...options, stride: 1 });
  }
  const attributes = convolutionAttributes(options);
  const shapeOf = (tensor: Tensor) => tf.tensor1d(tensor.shape, 'int32');
  const inputGradient = options.inputGradient ?? true;
  return differentiable(
    inputGradient ? [x, filter] : [filter],
    () => ({ value: executeOne('Conv2D', attributes, [x, filter]), saved: [x, filter] }),
    (dy, [input, weights]) => {
      const dw = executeOne('Conv2DBackpropFilter', attributes, [input!, shapeOf(weights!), dy]);
      if (!inputGradient) return [dw];
      return [executeOne('Conv2DBackpropInput', attributes, [shapeOf(input!), weights!, dy]), dw];
    },
  ) as Tensor4D;
}

function convolutionAttributes({ stride, pad }: ConvolutionOptions) {
  return [
    attribute.float32('T'),
    attribute.ints('strides', [1, stride, stride, 1]),
    attribute.string('padding', pad === 0 ? 'VALID' : 'EXPLICIT'),
    attribute.ints('explicit_paddings', pad === 0 ? [] : [0, 0, pad, pad, pad, pad, 0, 0]),
    attribute.string('data_format', 'NHWC'),
    attribute.ints('dilations', [1, 1, 1, 1]),
    attribute.bool('use_cudnn_on_gpu', true),
  ];
}
