/** The identity, whose gradient is multiplied by a number on the way back. */
import { tf, type Tensor } from '../tensorflow.ts';
import { differentiable } from './differentiable.ts';

export function scaleGradient<T extends Tensor>(x: T, factor: number): T {
  return differentiable(
    [x],
    () => ({ value: x.clone(), saved: [] }),
    (dy) => [tf.mul(dy, factor)],
  ) as T;
}
