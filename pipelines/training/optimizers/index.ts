/** The optimisers there are, by config. */
import type { TrainingConfig } from '../../../schemas/config/training-config.ts';
import { nativeKernels } from '../../engine/kernels/native.ts';
import type { Variable } from '../../engine/tensorflow.ts';
import { createAdam } from './adam.ts';
import type { Optimizer } from './optimizer.ts';
import { createSgd } from './sgd.ts';

/** @param fused one kernel a parameter, where set-up has compiled them */
export function createOptimizer(
  parameters: ReadonlyMap<string, Variable>,
  config: TrainingConfig['optimizer'],
  fused = nativeKernels(),
): Optimizer {
  return config.name === 'sgd'
    ? createSgd(parameters, config, fused)
    : createAdam(parameters, { ...config, decoupled: config.name === 'adamw' }, fused);
}
