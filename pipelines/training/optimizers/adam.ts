/**
 * Adam (Kingma and Ba, ICLR 2015, Algorithm 1) and AdamW (Loshchilov and Hutter, ICLR 2019, Algorithm 2) as PyTorch
 * has them: Adam adds the decay to the gradient, AdamW shrinks the weight before the step.
 */
import { tf, type Variable } from '../tensorflow.ts';
import type { Optimizer } from './optimizer.ts';
import { createSlots } from './state.ts';

export interface AdamOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** AdamW. */
  readonly decoupled: boolean;
}

export function createAdam(parameters: ReadonlyMap<string, Variable>, options: AdamOptions): Optimizer {
  const { beta1, beta2, epsilon, weightDecay, decoupled } = options;
  const state = createSlots(parameters, ['first', 'second']);
  return {
    state,
    apply: (gradients, learningRate, step) => {
      const firstCorrection = 1 - beta1 ** step;
      const secondCorrection = Math.sqrt(1 - beta2 ** step);
      tf.tidy(() => {
        for (const [name, gradient] of gradients) {
          const weight = parameters.get(name)!;
          const first = state.get(`first/${name}`)!;
          const second = state.get(`second/${name}`)!;
          const g = weightDecay === 0 || decoupled ? gradient : tf.add(gradient, tf.mul(weight, weightDecay));
          first.assign(tf.add(tf.mul(first, beta1), tf.mul(g, 1 - beta1)));
          second.assign(tf.add(tf.mul(second, beta2), tf.mul(tf.square(g), 1 - beta2)));
          const scale = tf.add(tf.div(tf.sqrt(second), secondCorrection), epsilon);
          const step_ = tf.div(tf.mul(first, learningRate / firstCorrection), scale);
          const from =
            decoupled && weightDecay !== 0 ? tf.mul(weight, 1 - learningRate * weightDecay) : weight;
          weight.assign(tf.sub(from, step_));
        }
      });
    },
    dispose: () => {
      for (const variable of state.values()) variable.dispose();
    },
  };
}
