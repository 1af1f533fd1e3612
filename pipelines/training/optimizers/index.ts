/** The optimisers there are, by config. */
import type { TrainingConfig } from '../../../schemas/config/training-config.ts';
import { nativeKernels } from '../../engine/kernels/native.ts';
import type { Variable } from '../../engine/tensorflow.ts';
import { createAdam } from './adam.ts';
import type { Optimizer } from './optimizer.ts';
import type { RuleOf } from './parameter-rules.ts';
import { createSgd } from './sgd.ts';

/**
 * @param fused one kernel a parameter, where set-up has compiled them
 * @param ruleOf absent: every parameter alike
 */
export function createOptimizer(
  parameters: ReadonlyMap<string, Variable>,
  config: TrainingConfig['optimizer'],
  fused = nativeKernels(),
  ruleOf?: RuleOf,
): Optimizer {
  return config.name === 'sgd'
    ? createSgd(parameters, config, fused, ruleOf)
    : createAdam(parameters, { ...config, decoupled: config.name === 'adamw' }, fused, ruleOf);
}
