import { expect, it } from 'vitest';
import { evaluateModel } from '../../../pipelines/evaluation/evaluate-model.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import { publishTinyDataset, tinyConfig } from '../training/tiny-dataset.ts';
import { trainSteps } from '../training/tiny-training.ts';

it('an evaluation with a validation split chooses probes and a temperature by it, or leaves probes out', async () => {
  const { store, manifest } = await publishTinyDataset();
  const config = tinyConfig('joint', { epochs: 4, encoder: { kind: 'cnn', width: 4 } });
  const [spec] = trainingSpecs(config, manifest);
  const evaluate = async (evaluation: object) => {
    const own = trainingSpecs(
      { ...config, evaluation: { ...config.evaluation, ...evaluation } },
      manifest,
    )[0]!;
    await trainSteps(store, own);
    return await evaluateModel({ store, spec: own, report: () => undefined, stopRequested: () => false });
  };
  const result = await evaluate({});
  expect(result.trainingId).toBe(spec!.trainingId);
  const { value, validationClips, before, after } = result.temperature!;
  expect(validationClips).toBe(4);
  expect(value).toBeGreaterThanOrEqual(0.05);
  expect(value).toBeLessThanOrEqual(20);
  expect(before.expectedCalibrationError).toBe(result.fused.expectedCalibrationError);
  expect(Number.isFinite(after.negativeLogLikelihood)).toBe(true);
  // Every fifth clip has no picture: of the six test clips, one.
  expect(result.probes?.audio).toMatchObject({ samples: 6, chosenOn: 'validation' });
  expect(result.probes?.rgb).toMatchObject({ samples: result.branches.rgb?.samples, chosenOn: 'validation' });
  expect(result.groups?.clips.reduce((sum, count) => sum + count, 0)).toBe(6);

  const without = await evaluate({ probes: false });
  expect(without.trainingId).not.toBe(result.trainingId);
  expect(without.probes).toBeUndefined();
  expect(without.fused).toEqual(result.fused);
});
