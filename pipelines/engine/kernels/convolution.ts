/**
 * 2-D convolution with PyTorch's symmetric padding. TensorFlow's SAME pads a stride of 2 on the right and
 * bottom only, so weights would not transfer. Its EXPLICIT padding would do, but keeps the gradients from
 * oneDNN's kernels (libtensorflow 2.21: im2col and a matrix product a picture, several times slower). So a
 * stride of 1 uses SAME, which is symmetric there, and for any other the images are padded first.
 */
import {
  attribute,
  executeOne,
  tf,
  webgpu,
  type OpAttribute,
  type Tensor,
  type Tensor4D,
} from '../tensorflow.ts';
import { differentiable } from './differentiable.ts';
import { portableConvolution } from './portable.ts';
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
  const { stride, pad, inputGradient = true } = options;
  // The tape leaves out gradients that nobody asks for.
  if (webgpu !== undefined) return portableConvolution(x, filter, stride, pad);
  const [height, width] = filter.shape;
  if (height === 1 && width === 1 && stride > 1) {
    // oneDNN's filter gradient of a strided 1×1 convolution writes beyond its buffer when H or W is even
    // (libtensorflow 2.21). Only the pixels it would look at are kept, and the stride becomes 1.
    return convolution(subsample(x, stride), filter, { ...options, stride: 1 });
  }
  if (pad === 0) return paddedConvolution(x, filter, stride, 'VALID', inputGradient);
  if (stride === 1 && height === 2 * pad + 1 && width === height) {
    return paddedConvolution(x, filter, stride, 'SAME', inputGradient);
  }
  const [, rows, columns] = x.shape;
  const sides = [sidesOf(rows, height, stride, pad), sidesOf(columns, width, stride, pad)] as const;
  const padded = tf.pad(x, [[0, 0], ...sides, [0, 0]]);
  return paddedConvolution(padded, filter, stride, 'VALID', inputGradient);
}

/** Zeros before and after: behind the last place of the filter none are needed. */
export function sidesOf(length: number, size: number, stride: number, pad: number): [number, number] {
  const places = Math.floor((length + 2 * pad - size) / stride) + 1;
  return [pad, Math.max(0, (places - 1) * stride + size - length - pad)];
}

function paddedConvolution(
  x: Tensor4D,
  filter: Tensor4D,
  stride: number,
  padding: 'SAME' | 'VALID',
  inputGradient: boolean,
): Tensor4D {
  const attributes = convolutionAttributes(stride, padding);
  const shapeOf = (tensor: Tensor) => tf.tensor1d(tensor.shape, 'int32');
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

export function convolutionAttributes(stride: number, padding: 'SAME' | 'VALID'): OpAttribute[] {
  return [
    attribute.float32('T'),
    attribute.ints('strides', [1, stride, stride, 1]),
    attribute.string('padding', padding),
    attribute.ints('explicit_paddings', []),
    attribute.string('data_format', 'NHWC'),
    attribute.ints('dilations', [1, 1, 1, 1]),
    attribute.bool('use_cudnn_on_gpu', true),
  ];
}
