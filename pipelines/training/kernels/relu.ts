/** Relu with TensorFlow's own gradient operator: one pass instead of a step, a cast and a product. */
import { attribute, executeOne, tf, type Tensor } from '../tensorflow.ts';

/** max(x, 0), any shape */
export function relu<T extends Tensor>(x: T): T {
  return tf.customGrad((...args) => {
    const [input, save] = args as [Tensor, (tensors: Tensor[]) => void];
    const value = executeOne('Relu', [attribute.float32('T')], [input]);
    save([value]);
    return {
      value,
      gradFunc: (dy, saved) =>
        executeOne('ReluGrad', [attribute.float32('T')], [dy, (saved as Tensor[])[0]!]),
    };
  })(x) as T;
}
