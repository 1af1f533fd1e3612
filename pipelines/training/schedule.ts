/** The learning rate of each epoch. Pure. */
import type { TrainingConfig } from '../../schemas/config/training-config.ts';

/**
 * - `constant`: the base rate;
 * - `step`: multiplied by gamma every `stepEpochs` (PyTorch's StepLR);
 * - `cosine`: linear warm-up to the base rate over `warmupEpochs`, then half a cosine to 0 at the end
 *   (Loshchilov and Hutter, ICLR 2017, eq. 5, one period).
 *
 * @param epoch from 0
 */
export function learningRateAt(
  config: Pick<TrainingConfig, 'schedule' | 'epochs' | 'optimizer'>,
  epoch: number,
): number {
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
