import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';
import type { TrainingConfig } from '../../../../schemas/config/training-config.ts';
import { createOptimizer } from '../../../../pipelines/training/optimizers/index.ts';
import { nativeKernels } from '../../../../pipelines/engine/kernels/native.ts';
import { backend, tf } from '../../../../pipelines/engine/tensorflow.ts';
import { relativeError } from '../golden/read-golden.ts';

const numbers = z.array(z.number());
const { start, gradients, rates, cases } = z
  .object({
    start: numbers,
    gradients: z.array(numbers),
    rates: numbers,
    cases: z.record(z.string(), z.object({ config: z.unknown(), weights: z.array(numbers) })),
  })
  .parse(JSON.parse(readFileSync(new URL('../golden/optimizers.json', import.meta.url), 'utf8')));

const ways = Object.keys(cases).flatMap((name) => [
  [name, 'fused'] as const,
  [name, 'operator by operator'] as const,
]);

it.each(ways)('%s takes the steps that PyTorch takes: %s', (name, way) => {
  expect(nativeKernels()).toBe(true);
  const config = { ...(cases[name]!.config as object), learningRate: 0.1 } as TrainingConfig['optimizer'];
  const weight = tf.variable(tf.tensor1d(start));
  const optimizer = createOptimizer(new Map([['w', weight]]), config, way === 'fused');
  const before = backend.getNumOfTFTensors();
  for (const [place, expected] of cases[name]!.weights.entries()) {
    const gradient = tf.tensor1d(gradients[place]!);
    optimizer.apply(new Map([['w', gradient]]), rates[place]!);
    gradient.dispose();
    expect(relativeError(weight, expected), `step ${String(place + 1)}`).toBeLessThan(1e-6);
  }
  expect(backend.getNumOfTFTensors()).toBeLessThanOrEqual(before + 4);
  optimizer.dispose();
  weight.dispose();
});

it('leaves a parameter without a gradient as it is, weight decay or not', () => {
  const weight = tf.variable(tf.tensor1d(start));
  const optimizer = createOptimizer(new Map([['w', weight]]), {
    name: 'sgd',
    learningRate: 0.1,
    momentum: 0.9,
    weightDecay: 0.5,
  });
  optimizer.apply(new Map(), 0.1);
  expect([...weight.dataSync()]).toEqual(start.map((value) => Math.fround(value)));
});
