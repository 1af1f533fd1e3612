/** Max pooling with PyTorch's symmetric padding (by −∞, as the operator's own EXPLICIT padding does). */
import { attribute, executeOne, tf, type Tensor, type Tensor4D } from '../tensorflow.ts';

/** x [N, H, W, C] → [N, ⌊(H + 2·pad − size) / stride⌋ + 1, …, C] */
export function maxPool(
  x: Tensor4D,
  { size, stride, pad }: { readonly size: number; readonly stride: number; readonly pad: number },
): Tensor4D {
  const attributes = [
    attribute.float32('T'),
    attribute.ints('ksize', [1, size, size, 1]),
    attribute.ints('strides', [1, stride, stride, 1]),
    attribute.string('padding', 'EXPLICIT'),
    attribute.ints('explicit_paddings', [0, 0, pad, pad, pad, pad, 0, 0]),
    attribute.string('data_format', 'NHWC'),
  ];
  return tf.customGrad((...[input]) => {
    const value = executeOne('MaxPool', attributes, [input as Tensor]);
    return {
      value,
      gradFunc: (dy) => executeOne('MaxPoolGrad', attributes, [input as Tensor, value, dy]),
    };
  })(x) as Tensor4D;
}
