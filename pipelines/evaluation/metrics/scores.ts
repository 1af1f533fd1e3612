import type { Scores } from '../../../schemas/training.ts';
import { meanAveragePrecision } from './average-precision.ts';
import { expectedCalibrationError } from './calibration.ts';
import { accuracy, confusionMatrix, macroF1 } from './confusion.ts';
import { checkPredictions, predictedClasses, type Predictions } from './predictions.ts';

/**
 * Every score of one set of predictions.
 * @throws ModalmixError `internal` when there are no samples
 */
export function scorePredictions(predictions: Predictions): Scores {
  checkPredictions(predictions);
  const confusion = confusionMatrix(
    predictions.labels,
    predictedClasses(predictions),
    predictions.classCount,
  );
  return {
    samples: predictions.labels.length,
    accuracy: accuracy(confusion),
    macroF1: macroF1(confusion),
    meanAveragePrecision: meanAveragePrecision(predictions),
    expectedCalibrationError: expectedCalibrationError(predictions),
  };
}
