import { predictedClasses, type Predictions } from './predictions.ts';

export const CALIBRATION_BINS = 15;

/**
 * Expected calibration error, 0…1: Σ_b (n_b / n) |accuracy_b − confidence_b| over bins of equal width of the
 * likeliest class's probability, each bin open below and closed above (Guo et al., "On Calibration of Modern
 * Neural Networks", ICML 2017, eq. 3).
 */
export function expectedCalibrationError(predictions: Predictions, bins = CALIBRATION_BINS): number {
  const { labels, probabilities, classCount } = predictions;
  const predicted = predictedClasses(predictions);
  const right = new Float64Array(bins);
  const confidence = new Float64Array(bins);
  for (let n = 0; n < labels.length; n += 1) {
    const k = predicted[n] ?? 0;
    const p = probabilities[n * classCount + k] ?? 0;
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(p * bins) - 1));
    confidence[bin] = (confidence[bin] ?? 0) + p;
    if (labels[n] === k) right[bin] = (right[bin] ?? 0) + 1;
  }
  let gap = 0;
  for (let bin = 0; bin < bins; bin += 1) gap += Math.abs((right[bin] ?? 0) - (confidence[bin] ?? 0));
  return gap / labels.length;
}
