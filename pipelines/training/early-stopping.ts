/** When a training ends before its last epoch. Pure: it follows from the metrics so far, also when it goes on. */
import type { TrainingOptions } from '../../schemas/config/training-options.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { EpochMetrics } from '../../schemas/training.ts';

/**
 * Whether the last `patience` epochs brought no new best: no validation loss lower, or accuracy higher, than the best
 * before it by more than `minDelta`.
 *
 * @param metrics of the epochs that are done, in order
 * @throws ModalmixError `config` when they have no validation split
 */
export function stopsEarly(
  metrics: readonly EpochMetrics[],
  options: TrainingOptions['earlyStopping'],
): boolean {
  if (options === undefined) return false;
  const { patience, monitor, minDelta } = options;
  let best = -Infinity;
  let since = 0;
  for (const { validation } of metrics) {
    if (validation === undefined) {
      throw new ModalmixError('config', 'the training is to stop early, and there is no validation split', {
        where: 'training.earlyStopping',
        fix: 'Set dataset.validationShare, or leave it out.',
      });
    }
    const score = monitor === 'loss' ? -validation.loss : validation.fused;
    since = score > best + minDelta ? 0 : since + 1;
    if (since === 0) best = score;
  }
  return since >= patience;
}
