/** Relu with TensorFlow's own gradient operator: one pass instead of a step, a cast and a product. */
import { attribute, executeOne, tf, webgpu, type Tensor } from '../tensorflow.ts';
import { differentiable } from './differentiable.ts';

/** max(x, 0), any shape */
export function relu<T extends Tensor>(x: T): T {
  if (webgpu !== undefined) return tf.relu(x);
  const attributes = [attribute.float32('T')];
  return differentiable(
    [x],
    () => {
      const value = executeOne('Relu', attributes, [x]);
      return { value, saved: [value] };
    },
    (dy, [value]) => [executeOne('ReluGrad', attributes, [dy, value!])],
  ) as T;
}
