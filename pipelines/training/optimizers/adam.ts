/**
 * Adam (Kingma and Ba, ICLR 2015, Algorithm 1) and AdamW (Loshchilov and Hutter, ICLR 2019, Algorithm 2) as PyTorch
 * has them: Adam adds the decay to the gradient, AdamW shrinks the weight before the step. The step t that corrects
 * the moments' bias is each parameter's own: one that gets its first gradient late begins at 1.
 */
import { nativeKernels } from '../../engine/kernels/native.ts';
import { execute, tf, type Tensor, type Variable } from '../../engine/tensorflow.ts';
import type { Optimizer } from './optimizer.ts';
import { EVERY_PARAMETER_ALIKE, type RuleOf } from './parameter-rules.ts';
import { settingsOnce } from './settings.ts';
import { createSlots } from './state.ts';

export interface AdamOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** AdamW. */
  readonly decoupled: boolean;
}

/** What a parameter's step is made with. */
interface StepSettings {
  /** Learning rate / (1 − β₁ᵗ). */
  readonly rate: number;
  /** √(1 − β₂ᵗ) */
  readonly correction: number;
  readonly decay: number;
  readonly shrink: number;
}

/** @param fused one kernel a parameter instead of a dozen; the same to the last bit or two */
export function createAdam(
  parameters: ReadonlyMap<string, Variable>,
  options: AdamOptions,
  fused = nativeKernels(),
  ruleOf: RuleOf = EVERY_PARAMETER_ALIKE,
): Optimizer {
  const { beta1, beta2, epsilon, weightDecay, decoupled } = options;
  const state = createSlots(parameters, ['first', 'second']);
  const steps = new Map<string, number>();

  const settingsOf = (name: string, rank: number, learningRate: number, step: number): StepSettings => {
    const { rateScale, decays } = ruleOf(name, rank);
    const own = learningRate * rateScale;
    const decay = decays ? weightDecay : 0;
    return {
      rate: own / (1 - beta1 ** step),
      correction: Math.sqrt(1 - beta2 ** step),
      decay: decoupled ? 0 : decay,
      shrink: decoupled ? 1 - own * decay : 1,
    };
  };
  const update = (
    [weight, first, second]: readonly [Variable, Variable, Variable],
    gradient: Tensor,
    { rate, correction, decay, shrink }: StepSettings,
  ): void => {
    const g = decay === 0 ? gradient : tf.add(gradient, tf.mul(weight, decay));
    first.assign(tf.add(tf.mul(first, beta1), tf.mul(g, 1 - beta1)));
    second.assign(tf.add(tf.mul(second, beta2), tf.mul(tf.square(g), 1 - beta2)));
    const scale = tf.add(tf.div(tf.sqrt(second), correction), epsilon);
    const from = shrink === 1 ? weight : tf.mul(weight, shrink);
    weight.assign(tf.sub(from, tf.div(tf.mul(first, rate), scale)));
  };
  return {
    ignoresScale: true,
    state,
    steps,
    apply: (gradients, learningRate) => {
      tf.tidy(() => {
        const tensorOf = settingsOnce();
        for (const [name, gradient] of gradients) {
          const moved = [
            parameters.get(name)!,
            state.get(`first/${name}`)!,
            state.get(`second/${name}`)!,
          ] as const;
          const step = (steps.get(name) ?? 0) + 1;
          steps.set(name, step);
          const own = settingsOf(name, moved[0].rank, learningRate, step);
          // In the order of the kernel's `AdamSettings`.
          const settings = fused
            ? tensorOf([
                ...[beta1, 1 - beta1, beta2, 1 - beta2],
                ...[own.rate, own.correction, epsilon, own.decay, own.shrink],
              ])
            : undefined;
          tf.tidy(() => {
            if (settings === undefined) {
              update(moved, gradient, own);
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
