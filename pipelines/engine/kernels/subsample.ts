/** Every n-th row and column of pictures. */
import { attribute, executeOne, tf, type Tensor, type Tensor4D } from '../tensorflow.ts';
import { differentiable } from './differentiable.ts';

/** x [N, H, W, C] → [N, ⌈H / stride⌉, ⌈W / stride⌉, C] */
export function subsample(x: Tensor4D, stride: number): Tensor4D {
  const attributes = [
    attribute.float32('T'),
    attribute.int32('Index'),
    ...['begin_mask', 'end_mask', 'ellipsis_mask', 'new_axis_mask', 'shrink_axis_mask'].map((name) =>
      attribute.int(name, 0),
    ),
  ];
  const int32 = (values: number[]): Tensor => tf.tensor1d(values, 'int32');
  const shape = [...x.shape];
  const range = () => [int32([0, 0, 0, 0]), int32(shape), int32([1, stride, stride, 1])];
  return differentiable(
    [x],
    () => ({ value: executeOne('StridedSlice', attributes, [x, ...range()]), saved: [] }),
    (dy) => [executeOne('StridedSliceGrad', attributes, [int32(shape), ...range(), dy])],
  ) as Tensor4D;
}
