/**
 * An optimiser: Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023, Algorithm 2):
 * c = β₁ m + (1 − β₁) g; w ← w − η (sign(c) + d w); m ← β₂ m + (1 − β₂) g.
 */
import type { Plugin } from 'modalmix';

interface Settings {
  readonly beta1: number;
  readonly beta2: number;
}

export default {
  settings: {
    parse: (given) => {
      const { beta1 = 0.9, beta2 = 0.99 } = given as Partial<Settings>;
      return { beta1, beta2 };
    },
  },
  optimizers: {
    'x-lion': (kit, { beta1, beta2 }, parameters, { weightDecay, ruleOf }) => {
      const { tf } = kit;
      const state = kit.createSlots(parameters, ['momentum']);
      return {
        ignoresScale: true,
        state,
        steps: new Map(),
        apply: (gradients, learningRate) => {
          for (const [name, gradient] of gradients) {
            tf.tidy(() => {
              const [weight, momentum] = [parameters.get(name)!, state.get(`momentum/${name}`)!];
              const { rateScale, decays } = ruleOf(name, weight.rank);
              const direction = tf.sign(tf.add(tf.mul(momentum, beta1), tf.mul(gradient, 1 - beta1)));
              const step = tf.add(direction, tf.mul(weight, decays ? weightDecay : 0));
              weight.assign(tf.sub(weight, tf.mul(step, learningRate * rateScale)));
              momentum.assign(tf.add(tf.mul(momentum, beta2), tf.mul(gradient, 1 - beta2)));
            });
          }
        },
        dispose: () => {
          for (const variable of state.values()) variable.dispose();
        },
      };
    },
  },
} satisfies Plugin<Settings>;
