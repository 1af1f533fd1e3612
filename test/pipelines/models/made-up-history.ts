/** Versions of a model as the registry holds them, made up: their numbers are nobody's result. */
import type { NewModelVersion } from '../../../pipelines/models/registry.ts';
import type { Scores } from '../../../schemas/training.ts';

export function scores(accuracy: number, samples = 200): Scores {
  return {
    samples,
    accuracy,
    macroF1: accuracy - 0.01,
    meanAveragePrecision: accuracy,
    expectedCalibrationError: 0.05,
  };
}

export function newVersion(
  model: string,
  trainingId: string,
  changes: Partial<NewModelVersion> = {},
): NewModelVersion {
  return {
    model,
    trainingId,
    method: 'b-mm',
    seed: 0,
    modalities: ['audio', 'rgb'],
    classNames: ['even', 'odd'],
    dataset: { name: 'clips', version: 'abc' },
    weights: { path: `runs/${trainingId}/model.safetensors`, sha256: '0'.repeat(64) },
    ...changes,
  };
}
