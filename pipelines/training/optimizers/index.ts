/** The optimisers there are, by config. */
import type { TrainingConfig } from '../../../schemas/config/training-config.ts';
import { nativeKernels } from '../../engine/kernels/native.ts';
import type { Variable } from '../../engine/tensorflow.ts';
import { pluginPart } from '../../plugins/registry.ts';
import { createAdam } from './adam.ts';
import type { Optimizer } from './optimizer.ts';
import { EVERY_PARAMETER_ALIKE, type RuleOf } from './parameter-rules.ts';
import { createSgd } from './sgd.ts';

type OptimizerOfPlugin = (
  parameters: ReadonlyMap<string, Variable>,
  options: { readonly weightDecay: number; readonly ruleOf: RuleOf },
) => Optimizer;

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
  switch (config.name) {
    case 'sgd':
      return createSgd(parameters, config, fused, ruleOf);
    case 'adam':
    case 'adamw':
      return createAdam(parameters, { ...config, decoupled: config.name === 'adamw' }, fused, ruleOf);
    default: {
      const { name, weightDecay } = config;
      const options = { weightDecay, ruleOf: ruleOf ?? EVERY_PARAMETER_ALIKE };
      const create = pluginPart('optimizers', name) as OptimizerOfPlugin;
      return create(parameters, options);
    }
  }
}
