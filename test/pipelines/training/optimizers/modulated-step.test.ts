/** OGM's coefficient is what the update is multiplied by, under each optimiser. */
import { afterAll, describe, expect, it } from 'vitest';
import { trainingConfigSchema } from '../../../../schemas/config/training-config.ts';
import type { Modality } from '../../../../schemas/modality.ts';
import type { Batch, Images } from '../../../../pipelines/training/data/batches.ts';
import { METHOD_OF } from '../../../../pipelines/training/methods/index.ts';
import { MultimodalModel } from '../../../../pipelines/training/model/model.ts';
import { createOptimizer } from '../../../../pipelines/training/optimizers/index.ts';
import { trainStep } from '../../../../pipelines/training/step.ts';
import { randomGenerator } from '../../../../pipelines/random/generator.ts';

const MODALITIES: Modality[] = ['audio', 'rgb'];
const SIZE = 4;

function imagesOf(channels: number): Images {
  const shape = [SIZE, 1, 24, 24, channels] as const;
  const random = randomGenerator(5, `pictures/${String(channels)}`);
  const values = Float32Array.from({ length: SIZE * 24 * 24 * channels }, () => random.normal());
  return { rows: Int32Array.from({ length: SIZE }, (_, row) => row), shape, values };
}

const batch: Batch = {
  size: SIZE,
  rows: Int32Array.of(0, 1, 2, 3),
  labels: Int32Array.of(0, 1, 0, 1),
  present: { audio: new Uint8Array(SIZE).fill(1), rgb: new Uint8Array(SIZE).fill(1) },
  images: { audio: imagesOf(1), rgb: imagesOf(3) },
};
const models: MultimodalModel[] = [];
afterAll(() => {
  for (const model of models) model.dispose();
});

/** How far each weight moves in a first step, and the coefficients of the step. */
function moved(name: 'joint' | 'ogm', optimizerConfig: object) {
  const training = trainingConfigSchema.parse({
    encoder: { kind: 'cnn', width: 4 },
    optimizer: optimizerConfig,
    ogm: { alpha: 0.3 },
  });
  const model = new MultimodalModel({
    modalities: MODALITIES,
    encoder: training.encoder,
    fusion: 'concat',
    classes: 2,
    seed: 1,
  });
  models.push(model);
  const { trainable } = model.parameters;
  const values = () =>
    new Map([...trainable].map(([key, value]) => [key, value.dataSync<'float32'>().slice()]));
  const before = values();
  const optimizer = createOptimizer(trainable, training.optimizer);
  const method = METHOD_OF[name](training, MODALITIES);
  const random = (purpose: string) => randomGenerator(0, purpose);
  const context = { epoch: 0, stepInEpoch: 0, stepsPerEpoch: 1, random };
  const { coefficients } = trainStep({ model, method, optimizer }, batch, context, 0.01);
  optimizer.dispose();
  const lengths = new Map(
    [...values()].map(([key, after]) => [
      key,
      Math.hypot(...after.map((value, at) => value - before.get(key)![at]!)),
    ]),
  );
  return { lengths, coefficients };
}

describe.each([
  { name: 'sgd', momentum: 0.9, weightDecay: 0 },
  { name: 'adam', weightDecay: 0 },
  { name: 'adamw', weightDecay: 0.01 },
])('under $name', (optimizer) => {
  it('the convolutions of the modality that leads move k times as far, all else as in joint training', () => {
    const [joint, ogm] = [moved('joint', optimizer), moved('ogm', optimizer)];
    const k = ogm.coefficients!;
    const slow = MODALITIES.filter((modality) => k[modality]! < 1);
    expect(slow).toHaveLength(1);
    expect(k[slow[0]!]).toBeLessThan(0.8);
    for (const [key, length] of ogm.lengths) {
      const slowed = key.startsWith(`${slow[0]!}.`) && /conv.*weight/u.test(key);
      // Adam's ε, 1e-8, is some of the smallest gradients' scale.
      expect(length / joint.lengths.get(key)!, key).toBeCloseTo(slowed ? k[slow[0]!]! : 1, 2);
    }
    expect([...ogm.lengths.keys()].filter((key) => /conv.*weight/u.test(key)).length).toBeGreaterThan(4);
  });
});
