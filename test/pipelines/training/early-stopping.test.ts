import { describe, expect, it } from 'vitest';
import type { EpochMetrics } from '../../../schemas/training.ts';
import { stopsEarly } from '../../../pipelines/training/early-stopping.ts';

/** What each epoch shows of the validation split. */
function metricsOf(validation: readonly { loss: number; fused: number }[]): EpochMetrics[] {
  const accuracy = { loss: 1, fused: 0.5, branches: {} };
  return validation.map((own, epoch) => ({
    ...{ epoch: epoch + 1, step: epoch, learningRate: 0.1, loss: 1, train: accuracy, rho: {} },
    ...{ seconds: 1, clipsPerS: 1, validation: { ...accuracy, ...own } },
  }));
}

/** The epoch after which it stops, from 1. */
function stopsAfter(
  values: readonly number[],
  monitor: 'loss' | 'accuracy',
  patience: number,
  minDelta = 0,
): number | undefined {
  const metrics = metricsOf(values.map((value) => ({ loss: value, fused: value })));
  const at = metrics.findIndex((_, end) =>
    stopsEarly(metrics.slice(0, end + 1), { patience, monitor, minDelta }),
  );
  return at < 0 ? undefined : at + 1;
}

describe('early stopping', () => {
  it('ends after so many epochs without a lower loss', () => {
    expect(stopsAfter([5, 4, 4.5, 3, 3.1, 3, 2], 'loss', 2)).toBe(6);
    expect(stopsAfter([5, 4, 4.5, 3, 3.1, 3, 2], 'loss', 3)).toBeUndefined();
  });

  it('or without a higher accuracy', () => {
    expect(stopsAfter([0.2, 0.5, 0.4, 0.5, 0.6], 'accuracy', 2)).toBe(4);
  });

  it('does not take less than minDelta for better', () => {
    expect(stopsAfter([5, 4.95, 4.9, 4.85], 'loss', 2, 0.1)).toBe(3);
    expect(stopsAfter([5, 4.95, 4.9, 4.85], 'loss', 2, 0.01)).toBeUndefined();
  });

  it('is not asked for by default, and refused without a validation split', () => {
    expect(stopsEarly(metricsOf([{ loss: 1, fused: 0 }]), undefined)).toBe(false);
    const [{ validation: _, ...rest }] = metricsOf([{ loss: 1, fused: 0 }]) as [EpochMetrics];
    const options = { patience: 1, monitor: 'loss', minDelta: 0 } as const;
    expect(() => stopsEarly([rest], options)).toThrow(/no validation split/u);
  });
});
