/** How an operator and its own gradient operator become one differentiable function. */
import { tf, type Tensor } from '../tensorflow.ts';

export interface Forward {
  readonly value: Tensor;
  /** What `backward` needs; kept alive until then. */
  readonly saved: Tensor[];
}

/**
 * @param forward runs the operator
 * @param backward gradients of the inputs, in their order, from the value's gradient and what was saved
 */
export function differentiable(
  inputs: readonly Tensor[],
  forward: () => Forward,
  backward: (dy: Tensor, saved: readonly Tensor[]) => Tensor[],
): Tensor {
  return tf.customGrad((...args) => {
    const save = args.at(-1) as (tensors: Tensor[]) => void;
    const { value, saved } = forward();
    save(saved);
    return { value, gradFunc: (dy, kept) => backward(dy, kept) };
  })(...inputs);
}
