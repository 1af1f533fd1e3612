/** The settings that an optimiser's kernel reads, as tensors: one for all parameters with the same numbers. */
import { tf, type Tensor } from '../../engine/tensorflow.ts';

/** To be made, and called, inside the tidy of one step, which frees the tensors. */
export function settingsOnce(): (numbers: readonly number[]) => Tensor {
  const made = new Map<string, Tensor>();
  return (numbers) => {
    const key = numbers.join();
    const tensor = made.get(key) ?? tf.tensor1d([...numbers]);
    made.set(key, tensor);
    return tensor;
  };
}
