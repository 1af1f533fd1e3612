/** The learning rate of each step. Pure. */
import type { TrainingConfig } from '../../schemas/config/training-config.ts';

/**
 * - `constant`: the base rate;
 * - `step`: multiplied by gamma every `stepEpochs` (PyTorch's StepLR);
 * - `cosine`: linear warm-up to the base rate over `warmupEpochs`, then half a cosine to 0 at the end
 *   (Loshchilov and Hutter, ICLR 2017, eq. 5, one period).
 *
 * With `warmupSteps` W, times min(1, (step + 1) / W): a linear warm-up beside the schedule, which does not wait for it.
 *
 * @param epoch from 0
 * @param step updates done in the whole training before this one
 */
export function learningRateAt(
  config: Pick<TrainingConfig, 'schedule' | 'epochs' | 'optimizer'>,
  epoch: number,
  step: number,
): number {
  return epochRate(config, epoch) * warmup(config.schedule.warmupSteps ?? 0, step);
}

function warmup(steps: number, step: number): number {
  return step < steps ? (step + 1) / steps : 1;
}

function epochRate(config: Pick<TrainingConfig, 'schedule' | 'epochs' | 'optimizer'>, epoch: number): number {
  const base = config.optimizer.learningRate;
  const { schedule, epochs } = config;
  switch (schedule.name) {
    case 'constant':
      return base;
    case 'step':
      return base * schedule.gamma ** Math.floor(epoch / schedule.stepEpochs);
    case 'cosine': {
      const { warmupEpochs } = schedule;
      if (epoch < warmupEpochs) return (base * (epoch + 1)) / (warmupEpochs + 1);
      const progress = (epoch - warmupEpochs) / Math.max(1, epochs - warmupEpochs);
      return (base * (1 + Math.cos(Math.PI * progress))) / 2;
    }
  }
}
