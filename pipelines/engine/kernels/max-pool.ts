/** Max pooling with PyTorch's symmetric padding (by −∞, as the operator's own EXPLICIT padding does). */
import { attribute, executeOne, webgpu, type Tensor4D } from '../tensorflow.ts';
import { differentiable } from './differentiable.ts';
import { portableMaxPool } from './portable.ts';

/** x [N, H, W, C] → [N, ⌊(H + 2·pad − size) / stride⌋ + 1, …, C] */
export function maxPool(
  x: Tensor4D,
  { size, stride, pad }: { readonly size: number; readonly stride: number; readonly pad: number },
): Tensor4D {
  if (webgpu !== undefined) return portableMaxPool(x, size, stride, pad);
  const attributes = [
    attribute.float32('T'),
    attribute.ints('ksize', [1, size, size, 1]),
    attribute.ints('strides', [1, stride, stride, 1]),
    attribute.string('padding', 'EXPLICIT'),
    attribute.ints('explicit_paddings', [0, 0, pad, pad, pad, pad, 0, 0]),
    attribute.string('data_format', 'NHWC'),
  ];
  return differentiable(
    [x],
    () => {
      const value = executeOne('MaxPool', attributes, [x]);
      return { value, saved: [x, value] };
    },
    (dy, [input, value]) => [executeOne('MaxPoolGrad', attributes, [input!, value!, dy])],
  ) as Tensor4D;
}
