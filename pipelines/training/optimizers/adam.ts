/**
 * Adam (Kingma and Ba, ICLR 2015, Algorithm 1) and AdamW (Loshchilov and Hutter, ICLR 2019, Algorithm 2) as PyTorch
 * has them: Adam adds the decay to the gradient, AdamW shrinks the weight before the step.
 */
import { nativeKernels } from '../../engine/kernels/native.ts';
import { execute, tf, type Tensor, type Variable } from '../../engine/tensorflow.ts';
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

/** @param fused one kernel a parameter instead of a dozen; the same to the last bit or two */
export function createAdam(
  parameters: ReadonlyMap<string, Variable>,
  options: AdamOptions,
  fused = nativeKernels(),
): Optimizer {
  const { beta1, beta2, epsilon, weightDecay, decoupled } = options;
  const state = createSlots(parameters, ['first', 'second']);
  return {
    ignoresScale: true,
    state,
    apply: (gradients, learningRate, step) => {
      const rate = learningRate / (1 - beta1 ** step);
      const correction = Math.sqrt(1 - beta2 ** step);
      const decay = decoupled ? 0 : weightDecay;
      const shrink = decoupled ? 1 - learningRate * weightDecay : 1;
      const update = (weight: Variable, first: Variable, second: Variable, gradient: Tensor): void => {
        const g = decay === 0 ? gradient : tf.add(gradient, tf.mul(weight, decay));
        first.assign(tf.add(tf.mul(first, beta1), tf.mul(g, 1 - beta1)));
        second.assign(tf.add(tf.mul(second, beta2), tf.mul(tf.square(g), 1 - beta2)));
        const scale = tf.add(tf.div(tf.sqrt(second), correction), epsilon);
        const from = shrink === 1 ? weight : tf.mul(weight, shrink);
        weight.assign(tf.sub(from, tf.div(tf.mul(first, rate), scale)));
      };
      tf.tidy(() => {
        // In the order of the kernel's `AdamSettings`.
        const settings = tf.tensor1d([
          ...[beta1, 1 - beta1, beta2, 1 - beta2],
          ...[rate, correction, epsilon, decay, shrink],
        ]);
        for (const [name, gradient] of gradients) {
          const moved = [
            parameters.get(name)!,
            state.get(`first/${name}`)!,
            state.get(`second/${name}`)!,
          ] as const;
          tf.tidy(() => {
            if (!fused) {
              update(...moved, gradient);
              return;
            }
            const values = execute('ModalmixAdam', [], [...moved, gradient, settings], 3);
            for (const [place, variable] of moved.entries()) variable.assign(values[place]!);
          });
        }
      });
    },
    dispose: () => {
      for (const variable of state.values()) variable.dispose();
    },
  };
}
