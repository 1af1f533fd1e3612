/** An optimiser's memory: variables in the shapes of the parameters, zero at first. */
import { tf, type Variable } from '../../engine/tensorflow.ts';

/** TensorFlow wants unique names in a process. */
let created = 0;

/** @returns one variable for each parameter and slot, named `<slot>/<parameter>` */
export function createSlots(
  parameters: ReadonlyMap<string, Variable>,
  slots: readonly string[],
): Map<string, Variable> {
  created += 1;
  const state = new Map<string, Variable>();
  for (const slot of slots) {
    for (const [name, parameter] of parameters) {
      const key = `${slot}/${name}`;
      const zeros = () => tf.variable(tf.zerosLike(parameter), false, `optimizer-${String(created)}/${key}`);
      state.set(key, tf.tidy(zeros));
    }
  }
  return state;
}
