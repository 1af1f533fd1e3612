/**
 * Stochastic gradient descent with momentum and weight decay as PyTorch has them (`torch.optim.SGD`, no dampening, no
 * Nesterov): g ← g + d·w; m ← μ·m + g; w ← w − η·m.
 */
import { tf, type Variable } from '../tensorflow.ts';
import type { Optimizer } from './optimizer.ts';
import { createSlots } from './state.ts';

export interface SgdOptions {
  readonly momentum: number;
  readonly weightDecay: number;
}

export function createSgd(parameters: ReadonlyMap<string, Variable>, options: SgdOptions): Optimizer {
  const { momentum, weightDecay } = options;
  const state = createSlots(parameters, ['momentum']);
  return {
    state,
    apply: (gradients, learningRate) => {
      tf.tidy(() => {
        for (const [name, gradient] of gradients) {
          const weight = parameters.get(name)!;
          const velocity = state.get(`momentum/${name}`)!;
          const decayed = weightDecay === 0 ? gradient : tf.add(gradient, tf.mul(weight, weightDecay));
          velocity.assign(tf.add(tf.mul(velocity, momentum), decayed));
          weight.assign(tf.sub(weight, tf.mul(velocity, learningRate)));
        }
      });
    },
    dispose: () => {
      for (const variable of state.values()) variable.dispose();
    },
  };
}
