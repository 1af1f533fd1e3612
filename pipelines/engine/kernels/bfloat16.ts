/** Rounding to what bfloat16 can hold. */
import type { Tensor } from '../tensorflow.ts';
import { differentiable } from './differentiable.ts';
import { cast, converted, DTYPE_OF, handleOf, tensorOf } from './handles.ts';

/** x rounded to the nearest bfloat16, ties to even, as float32; its gradient is rounded alike. */
export function roundToBfloat16<T extends Tensor>(x: T): T {
  return differentiable(
    [x],
    () => ({ value: rounded(x), saved: [] }),
    (dy) => [rounded(dy)],
  ) as T;
}

function rounded(x: Tensor): Tensor {
  return tensorOf(converted(cast(handleOf(x), DTYPE_OF.bfloat16), DTYPE_OF.float32));
}
