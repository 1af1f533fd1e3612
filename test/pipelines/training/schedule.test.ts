import { describe, expect, it } from 'vitest';
import { trainingConfigSchema } from '../../../schemas/config/training-config.ts';
import { learningRateAt } from '../../../pipelines/training/schedule.ts';

const STEPS = 3;

/** Of each epoch's first step. */
function rates(schedule: object, epochs: number): number[] {
  const optimizer = { name: 'sgd', learningRate: 0.1 };
  const config = trainingConfigSchema.parse({ schedule, epochs, optimizer });
  return Array.from({ length: epochs }, (_, epoch) => learningRateAt(config, epoch, STEPS * epoch));
}

describe('the learning rate', () => {
  it('stays where it is', () => {
    expect(rates({ name: 'constant' }, 3)).toEqual([0.1, 0.1, 0.1]);
  });

  it('steps down every stepEpochs, as PyTorch’s StepLR', () => {
    const actual = rates({ name: 'step', stepEpochs: 2, gamma: 0.5 }, 5);
    expect(actual).toEqual([0.1, 0.1, 0.05, 0.05, 0.025]);
  });

  it('rises over the warm-up to the base rate and falls by half a cosine', () => {
    const actual = rates({ name: 'cosine', warmupEpochs: 1 }, 5);
    const expected = [0.05, 0.1, 0.1 * (0.5 + Math.SQRT1_2 / 2), 0.05, 0.1 * (0.5 - Math.SQRT1_2 / 2)];
    for (const [epoch, rate] of expected.entries()) expect(actual[epoch]).toBeCloseTo(rate, 12);
  });

  it.each([
    ['constant', [0.1, 0.1]],
    ['step', [0.1, 0.05]],
    ['cosine', [0.1, 0.05]],
  ] as const)('of schedule %s is reached in warmupSteps equal parts', (name, [first, second]) => {
    const step = name === 'step' ? { stepEpochs: 1, gamma: 0.5 } : {};
    const config = trainingConfigSchema.parse({
      schedule: { name, warmupSteps: 4, ...step },
      epochs: 2,
      optimizer: { name: 'sgd', learningRate: 0.1 },
    });
    const actual = Array.from({ length: 2 * STEPS }, (_, at) =>
      learningRateAt(config, Math.floor(at / STEPS), at),
    );
    const expected = [first / 4, first / 2, (3 * first) / 4, second, second, second];
    for (const [at, rate] of expected.entries()) expect(actual[at]).toBeCloseTo(rate, 12);
  });
});
