/** Updates against PyTorch's (golden/make_training_options.py) and against sums by hand. */
import { afterEach, describe, expect, it } from 'vitest';
import type { TrainingConfig } from '../../../../schemas/config/training-config.ts';
import type { Gradients } from '../../../../pipelines/engine/network/parameters.ts';
import { nativeKernels } from '../../../../pipelines/engine/kernels/native.ts';
import { tf, type Variable } from '../../../../pipelines/engine/tensorflow.ts';
import { AveragedWeights, decayAfter } from '../../../../pipelines/training/optimizers/averaged-weights.ts';
import { globalNorm, withClipping } from '../../../../pipelines/training/optimizers/clip-norm.ts';
import { GradientMean } from '../../../../pipelines/training/optimizers/gradient-mean.ts';
import { createOptimizer } from '../../../../pipelines/training/optimizers/index.ts';
import { parameterRules } from '../../../../pipelines/training/optimizers/parameter-rules.ts';
import { createSgd } from '../../../../pipelines/training/optimizers/sgd.ts';
import { relativeError } from '../golden/read-golden.ts';
import { flat, trainingOptionsGolden as golden, type NamedNumbers } from '../golden/training-options.ts';

const TOLERANCE = 1e-6;

const made: { dispose(): void }[] = [];
afterEach(() => {
  for (const one of made.splice(0)) one.dispose();
});

function variables(start: NamedNumbers): Map<string, Variable> {
  const weights = new Map(
    Object.entries(start).map(([name, values]) => [name, tf.tidy(() => tf.variable(tf.tensor(values)))]),
  );
  made.push(...weights.values());
  return weights;
}

/** Inside a tidy. */
function gradientsOf(given: NamedNumbers): Gradients {
  return new Map(Object.entries(given).map(([name, values]) => [name, tf.tensor(values)]));
}

function expectWeights(weights: ReadonlyMap<string, Variable>, expected: NamedNumbers, step: number): void {
  for (const [name, weight] of weights) {
    const apart = relativeError(weight, flat(expected[name]!));
    expect(apart, `${name} after step ${String(step + 1)}`).toBeLessThan(TOLERANCE);
  }
}

function configOf(name: string, weightDecay: number): TrainingConfig['optimizer'] {
  return name === 'sgd'
    ? { name, learningRate: 0.1, momentum: 0.9, weightDecay }
    : {
        name: name as 'adam' | 'adamw',
        learningRate: 0.1,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        weightDecay,
      };
}

const ways = ['sgd', 'adam', 'adamw'].flatMap((name) => [
  [name, 'fused'] as const,
  [name, 'operator by operator'] as const,
]);

describe('a parameter that has no gradient at first, and once in between', () => {
  it.each(ways)('takes the steps that PyTorch’s %s takes: %s', (name, way) => {
    expect(nativeKernels()).toBe(true);
    const weights = variables(golden.late.start);
    const optimizer = createOptimizer(weights, configOf(name, 0.01), way === 'fused');
    made.push(optimizer);
    for (const [step, given] of golden.late.gradients.entries()) {
      tf.tidy(() => {
        optimizer.apply(gradientsOf(given), golden.late.rates[step]!);
      });
      expectWeights(weights, golden.late.cases[name]![step]!, step);
    }
    expect(Object.fromEntries(optimizer.steps)).toEqual(name === 'sgd' ? {} : { early: 6, late: 4 });
  });
});

describe('encoders at a tenth of the rate, biases and scales without decay, gradients clipped to 1.5', () => {
  it.each(ways)('move as PyTorch’s %s with groups moves them: %s', (name, way) => {
    expect(nativeKernels()).toBe(true);
    const weights = variables(golden.groups.start);
    const rules = parameterRules({ encoderLearningRateScale: 0.1, decayNorms: false }, ['audio']);
    const plain = createOptimizer(weights, configOf(name, 0.1), way === 'fused', rules);
    made.push(plain);
    const optimizer = withClipping(plain, 1.5);
    const norms = golden.groups.gradients.map((given) => tf.tidy(() => globalNorm(gradientsOf(given))));
    // Steps of both kinds: longer than allowed, and not.
    expect([Math.max(...norms) > 1.5, Math.min(...norms) < 1.5]).toEqual([true, true]);
    for (const [step, given] of golden.groups.gradients.entries()) {
      expect(norms[step]).toBeCloseTo(golden.groups.norms[step]!, 5);
      tf.tidy(() => {
        optimizer.apply(gradientsOf(given), 0.05);
      });
      expectWeights(weights, golden.groups.cases[name]![step]!, step);
    }
  });
});

describe('accumulated gradients', () => {
  it('make one update along their mean; a parameter that none has a gradient for does not move', () => {
    const weights = variables({ a: [1, 2], b: [3], c: [4] });
    const optimizer = createSgd(weights, { momentum: 0, weightDecay: 0.5 });
    made.push(optimizer);
    const mean = new GradientMean();
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      mean.apply(gradientsOf({ a: [1, 3] }));
    });
    tf.tidy(() => {
      mean.apply(gradientsOf({ a: [3, 1], b: [4] }));
    });
    expect([...weights.get('a')!.dataSync()]).toEqual([1, 2]);
    mean.update(optimizer, 0.5);
    // w − ½ (g + ½ w)
    expect([...weights.get('a')!.dataSync()]).toEqual([1 - 0.5 * 2.5, 2 - 0.5 * 3]);
    expect([...weights.get('b')!.dataSync()]).toEqual([3 - 0.5 * 3.5]);
    expect([...weights.get('c')!.dataSync()]).toEqual([4]);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('averaged weights', () => {
  it('are d e + (1 − d) w after each update, with d ramped up to the decay', () => {
    const weights = variables({ w: [8] });
    const average = new AveragedWeights(weights, { decay: 0.25, rampUp: true });
    made.push(average);
    const move = (value: number, updates: number) => {
      tf.tidy(() => {
        weights.get('w')!.assign(tf.tensor1d([value]));
      });
      average.follow(updates);
      return average.values.get('w')!.dataSync()[0]!;
    };
    const first = 0.1 * 8 + 0.9 * 2; // d = 1/10
    expect(move(2, 0)).toBeCloseTo(first, 6);
    const second = (2 / 11) * first + (9 / 11) * 5; // d = 2/11
    expect(move(5, 1)).toBeCloseTo(second, 6);
    expect(move(1, 2)).toBeCloseTo(0.25 * second + 0.75, 6); // 3/12 and ever after
    expect(move(0, 90)).toBeCloseTo(0.25 * (0.25 * second + 0.75), 6);
    expect(decayAfter(0, { decay: 0.99, rampUp: false })).toBe(0.99);
  });

  it('take the live ones’ place and give it back', async () => {
    const weights = variables({ w: [1, 2] });
    const average = new AveragedWeights(weights, { decay: 0.5, rampUp: false });
    made.push(average);
    tf.tidy(() => {
      weights.get('w')!.assign(tf.tensor1d([3, 6]));
    });
    average.follow(0);
    const seen = await average.inPlace(() => Promise.resolve([...weights.get('w')!.dataSync()]));
    expect(seen).toEqual([2, 4]);
    expect([...weights.get('w')!.dataSync()]).toEqual([3, 6]);
    expect([...average.values.get('w')!.dataSync()]).toEqual([2, 4]);
  });
});
