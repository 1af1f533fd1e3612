/** Twenty steps on a real shard, each loss against PyTorch's (golden/make_steps.py). */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { openShards } from '../../../../pipelines/shards/read/shard-reader.ts';
import { BatchReader } from '../../../../pipelines/training/data/batches.ts';
import { METHOD_OF } from '../../../../pipelines/training/methods/index.ts';
import { createOptimizer } from '../../../../pipelines/training/optimizers/index.ts';
import { trainStep } from '../../../../pipelines/training/step.ts';
import { createTwinModel, CROP_PX, LEARNING_RATE, rowsOf, STEPS, training } from '../golden/twenty-steps.ts';
import { publishTinyDataset } from '../tiny-dataset.ts';

const losses = z.array(z.number()).length(STEPS);
const expected = z
  .object({
    sha256: z.array(z.string()),
    joint: losses,
    'ogm-ge': losses,
    slowed: z.array(z.enum(['audio', 'rgb'])),
  })
  .parse(JSON.parse(readFileSync(new URL('../golden/steps.json', import.meta.url), 'utf8')));

it.each(['joint', 'ogm-ge'] as const)(
  '%s goes PyTorch’s way for twenty steps on the same shard and weights: losses within 1e-3',
  async (name) => {
    const { store, manifest } = await publishTinyDataset();
    const trained = manifest.shards.filter(({ split }) => split === 'train');
    expect(trained.map(({ sha256 }) => sha256)).toEqual(expected.sha256);
    const modalities = ['audio', 'rgb'] as const;
    const shards = await openShards({ store, manifest, split: 'train', modalities });
    const reader = new BatchReader(shards, { manifest, modalities, cropPx: CROP_PX });
    const model = createTwinModel();
    const method = METHOD_OF[name](training, modalities);
    const optimizer = createOptimizer(model.parameters.trainable, training.optimizer);
    const slowed: string[] = [];
    for (let step = 0; step < STEPS; step += 1) {
      const context = {
        epoch: 0,
        stepInEpoch: step,
        stepsPerEpoch: STEPS,
        random: () => {
          throw new Error('nothing is drawn');
        },
      };
      const batch = reader.read(rowsOf(step));
      const { loss, coefficients } = trainStep({ model, method, optimizer }, batch, context, LEARNING_RATE);
      expect(Math.abs(loss / expected[name][step]! - 1), `step ${String(step + 1)}`).toBeLessThan(1e-3);
      if (coefficients !== undefined) slowed.push(coefficients.audio! < coefficients.rgb! ? 'audio' : 'rgb');
    }
    expect(slowed).toEqual(name === 'joint' ? [] : expected.slowed);
    // The two ways part: the modulation is seen.
    expect(expected['ogm-ge'].at(-1)).not.toBeCloseTo(expected.joint.at(-1)!, 3);
    model.dispose();
    optimizer.dispose();
    shards.close();
  },
);
