/**
 * Stochastic gradient descent with momentum and weight decay as PyTorch has them (`torch.optim.SGD`, no dampening, no
 * Nesterov): g ← g + d·w; m ← μ·m + g; w ← w − η·m.
 */
import { nativeKernels } from '../../engine/kernels/native.ts';
import { execute, tf, type Tensor, type Variable } from '../../engine/tensorflow.ts';
import type { Optimizer } from './optimizer.ts';
import { EVERY_PARAMETER_ALIKE, type RuleOf } from './parameter-rules.ts';
import { settingsOnce } from './settings.ts';
import { createSlots } from './state.ts';

export interface SgdOptions {
  readonly momentum: number;
  readonly weightDecay: number;
}

/** @param fused one kernel a parameter instead of five; the same to the last bit or two */
export function createSgd(
  parameters: ReadonlyMap<string, Variable>,
  options: SgdOptions,
  fused = nativeKernels(),
  ruleOf: RuleOf = EVERY_PARAMETER_ALIKE,
): Optimizer {
  const { momentum, weightDecay } = options;
  const state = createSlots(parameters, ['momentum']);
  const update = (
    weight: Variable,
    velocity: Variable,
    gradient: Tensor,
    { rate, decay }: { readonly rate: number; readonly decay: number },
  ): void => {
    const decayed = decay === 0 ? gradient : tf.add(gradient, tf.mul(weight, decay));
    velocity.assign(tf.add(tf.mul(velocity, momentum), decayed));
    weight.assign(tf.sub(weight, tf.mul(velocity, rate)));
  };
  const updateFused = (weight: Variable, velocity: Variable, gradient: Tensor, settings: Tensor): void => {
    const [moved, faster] = execute('ModalmixMomentum', [], [weight, velocity, gradient, settings], 2);
    weight.assign(moved!);
    velocity.assign(faster!);
  };
  return {
    state,
    steps: new Map(),
    apply: (gradients, learningRate) => {
      tf.tidy(() => {
        const settingsOf = settingsOnce();
        for (const [name, gradient] of gradients) {
          const weight = parameters.get(name)!;
          const velocity = state.get(`momentum/${name}`)!;
          const { rateScale, decays } = ruleOf(name, weight.rank);
          const [rate, decay] = [learningRate * rateScale, decays ? weightDecay : 0];
          // In the order of the kernel's `MomentumSettings`.
          const settings = fused ? settingsOf([rate, momentum, decay]) : undefined;
          tf.tidy(() => {
            if (settings !== undefined) updateFused(weight, velocity, gradient, settings);
            else update(weight, velocity, gradient, { rate, decay });
          });
        }
      });
    },
    dispose: () => {
      for (const variable of state.values()) variable.dispose();
    },
  };
}
