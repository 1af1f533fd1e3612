/** The optimisers there are, by config. */
import type { TrainingConfig } from '../../../schemas/config.ts';
import type { Variable } from '../tensorflow.ts';
import { createAdam } from './adam.ts';
import type { Optimizer } from './optimizer.ts';
import { createSgd } from './sgd.ts';

export function createOptimizer(
  parameters: ReadonlyMap<string, Variable>,
  config: TrainingConfig['optimizer'],
): Optimizer {
  return config.name === 'sgd'
    ? createSgd(parameters, config)
    : createAdam(parameters, { ...config, decoupled: config.name === 'adamw' });
}
