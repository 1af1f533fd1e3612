/**
 * The update that a modulation of gradients means, whatever the optimiser. SGD's step grows with the gradient, so that
 * multiplying one multiplies the other. Adam divides the step by the gradient's own size, and a factor all but cancels:
 * there the gradient is given without it, and the step is multiplied instead.
 */
import type { Gradients } from '../../engine/network/parameters.ts';
import { tf, type Variable } from '../../engine/tensorflow.ts';
import type { Optimizer } from './optimizer.ts';

/** k by parameter name, > 0; absent: 1. */
export type Factors = ReadonlyMap<string, number>;

/**
 * One update. With an optimiser that ignores scale, w moves by k times what it would for gradient / k, decay and all.
 *
 * @param gradients already multiplied by their factors
 * @param apply the optimiser's
 */
export function applyModulated(
  optimizer: Pick<Optimizer, 'ignoresScale'>,
  apply: (gradients: Gradients) => void,
  parameters: ReadonlyMap<string, Variable>,
  gradients: Gradients,
  factors: Factors,
): void {
  const slowed = [...gradients.keys()].filter((name) => (factors.get(name) ?? 1) !== 1);
  if (optimizer.ignoresScale !== true || slowed.length === 0) {
    apply(gradients);
    return;
  }
  tf.tidy(() => {
    const before = slowed.map((name) => [name, tf.clone(parameters.get(name)!)] as const);
    const free: Gradients = new Map(gradients);
    for (const name of slowed) free.set(name, tf.div(gradients.get(name)!, factors.get(name)!));
    apply(free);
    for (const [name, from] of before) {
      const weight = parameters.get(name)!;
      weight.assign(tf.add(from, tf.mul(tf.sub(weight, from), factors.get(name)!)));
    }
  });
}
