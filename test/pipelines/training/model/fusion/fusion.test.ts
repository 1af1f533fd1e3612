/** One suite for every fusion. */
import { afterAll, describe, expect, it } from 'vitest';
import { entriesOf, type Modality } from '../../../../../schemas/modality.ts';
import { FUSIONS } from '../../../../../schemas/config/methods.ts';
import { randomGenerator } from '../../../../../pipelines/random/generator.ts';
import type { Features } from '../../../../../pipelines/training/model/features.ts';
import { FUSION_OF } from '../../../../../pipelines/training/model/fusion/index.ts';
import { Parameters } from '../../../../../pipelines/engine/network/parameters.ts';
import { tf, type Tensor2D } from '../../../../../pipelines/engine/tensorflow.ts';
import { relativeError } from '../../golden/read-golden.ts';

const D = 6;
const K = 4;
const MODALITIES: Modality[] = ['audio', 'rgb', 'flow'];
const ROWS = 3;

/** @param present by modality, for each row */
function featuresOf(present: Partial<Record<Modality, number[]>>, seed = 0): Features {
  const random = randomGenerator(seed, 'features');
  const values: Partial<Record<Modality, Tensor2D>> = {};
  for (const [modality, flags] of entriesOf(present)) {
    const data = Array.from({ length: ROWS * D }, (_, at) => random.normal() * flags[Math.floor(at / D)]!);
    values[modality] = tf.tensor2d(data, [ROWS, D]);
  }
  const masks = entriesOf(present).map(([modality, flags]) => [modality, Uint8Array.from(flags)]);
  return { size: ROWS, values, present: Object.fromEntries(masks) as Features['present'] };
}

const rowsOf = (x: Tensor2D) => x.arraySync();

describe.each([...FUSIONS, 'late' as const])('fusion %s', (name) => {
  const created: Parameters[] = [];
  const create = (modalities: Modality[]) => {
    const parameters = new Parameters(1);
    created.push(parameters);
    return FUSION_OF[name](parameters, { modalities, featureSize: D, classes: K });
  };
  afterAll(() => {
    for (const parameters of created) parameters.dispose();
  });

  it.each([1, 2, 3])('gives logits and a fused feature for %i modalities', (count) => {
    const modalities = MODALITIES.slice(0, count);
    const fusion = create(modalities);
    const present = Object.fromEntries(modalities.map((modality) => [modality, [1, 1, 1]]));
    const { fused, logits } = fusion.fuse(featuresOf(present));
    expect(logits.shape).toEqual([ROWS, K]);
    expect(fused.shape).toEqual([ROWS, fusion.fusedSize]);
    expect(Array.from(logits.dataSync()).every(Number.isFinite)).toBe(true);
  });

  it('judges a clip the same whatever else is in the batch', () => {
    const fusion = create(['audio', 'rgb']);
    const whole = fusion.fuse(featuresOf({ audio: [1, 1, 1], rgb: [1, 1, 1] })).logits;
    const partly = fusion.fuse(featuresOf({ audio: [1, 1, 0], rgb: [1, 0, 1] })).logits;
    expect(relativeError(rowsOf(partly)[0]!, rowsOf(whole)[0]!)).toBeLessThan(1e-6);
    expect(relativeError(rowsOf(partly)[1]!, rowsOf(whole)[1]!)).toBeGreaterThan(1e-3);
  });

  it('decides by the branch of the only modality a clip has', () => {
    const fusion = create(['audio', 'rgb']);
    const features = featuresOf({ audio: [1, 1, 1], rgb: [0, 0, 0] });
    const fused = fusion.fuse(features).logits.argMax(1).dataSync();
    const branch = fusion.branch('audio', features.values.audio!).argMax(1).dataSync();
    expect([...fused]).toEqual([...branch]);
  });
});

describe.each(['concat', 'sum'] as const)('fusion %s', (name) => {
  it('has branches that add up to the fused logits', () => {
    const parameters = new Parameters(2);
    const fusion = FUSION_OF[name](parameters, { modalities: MODALITIES, featureSize: D, classes: K });
    const features = featuresOf({ audio: [1, 1, 1], rgb: [1, 1, 1], flow: [1, 1, 1] });
    const branches = MODALITIES.map((modality) => fusion.branch(modality, features.values[modality]!));
    expect(relativeError(tf.addN(branches), fusion.fuse(features).logits.dataSync())).toBeLessThan(1e-5);
    parameters.dispose();
  });
});

it('late fusion predicts the mean of the branches’ probabilities', () => {
  const parameters = new Parameters(3);
  const fusion = FUSION_OF.late(parameters, { modalities: ['audio', 'rgb'], featureSize: D, classes: K });
  const features = featuresOf({ audio: [1, 1, 1], rgb: [1, 1, 1] });
  const mean = tf.mul(
    0.5,
    tf.add(
      tf.softmax(fusion.branch('audio', features.values.audio!)),
      tf.softmax(fusion.branch('rgb', features.values.rgb!)),
    ),
  );
  expect(relativeError(tf.softmax(fusion.fuse(features).logits), mean.dataSync())).toBeLessThan(1e-5);
  parameters.dispose();
});
