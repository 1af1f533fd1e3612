/** Temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017): one number for all logits. */
import type { EvaluationResult } from '../../../schemas/training.ts';
import { expectedCalibrationError } from './calibration.ts';
import { softmaxRows } from './softmax.ts';

/** Logits [samples × classes] and the true classes of the same clips. */
export class LogitCollector {
  readonly classCount: number;
  readonly labels: number[] = [];
  readonly logits: number[] = [];

  constructor(classCount: number) {
    this.classCount = classCount;
  }

  add(labels: Int32Array, logits: Float32Array): void {
    for (const label of labels) this.labels.push(label);
    for (const logit of logits) this.logits.push(logit);
  }
}

type Logits = Pick<LogitCollector, 'classCount' | 'labels' | 'logits'>;

/** Where every clip is right, or the logits say nothing, the best one lies outside. */
export const TEMPERATURES = [0.05, 20] as const;
/** Halvings of the interval of ln T: to 2e-15 of it. */
const HALVINGS = 48;

/**
 * The T within `TEMPERATURES` that makes the mean of −ln softmax(logits / T)[label] least, by bisection of its derivative,
 * which rises in 1 / T throughout.
 */
export function fitTemperature(clips: Logits): number {
  let [low, high] = TEMPERATURES.map(Math.log) as [number, number];
  for (let n = 0; n < HALVINGS; n += 1) {
    const middle = (low + high) / 2;
    if (slope(clips, Math.exp(-middle)) < 0) high = middle;
    else low = middle;
  }
  return Math.exp((low + high) / 2);
}

/** Derivative of the mean loss by 1 / T: Σ_n Σ_k p_nk (z_nk − z_n,y) / N, each difference exact. */
function slope({ classCount, labels, logits }: Logits, inverse: number): number {
  const probabilities = softmaxRows(
    logits.map((logit) => logit * inverse),
    classCount,
  );
  let sum = 0;
  labels.forEach((label, n) => {
    const first = n * classCount;
    for (let k = first; k < first + classCount; k += 1) {
      sum += probabilities[k]! * (logits[k]! - logits[first + label]!);
    }
  });
  return sum / labels.length;
}

/** Fitted on the validation split, judged on the test split. */
export function scaleTemperature(
  validation: Logits,
  test: Logits,
): NonNullable<EvaluationResult['temperature']> {
  const value = fitTemperature(validation);
  const scores = (temperature: number) => {
    const { labels, classCount } = test;
    const probabilities = scaledProbabilities(test, temperature);
    return {
      expectedCalibrationError: expectedCalibrationError({ labels, probabilities, classCount }),
      negativeLogLikelihood: negativeLogLikelihood(labels, probabilities, classCount),
    };
  };
  return { value, validationClips: validation.labels.length, before: scores(1), after: scores(value) };
}

/** Softmax of logits / T, row-major. */
function scaledProbabilities({ classCount, logits }: Logits, temperature: number): Float64Array {
  return softmaxRows(
    logits.map((logit) => logit / temperature),
    classCount,
  );
}

/** Mean of −ln p of the true class; nats. */
export function negativeLogLikelihood(
  labels: ArrayLike<number>,
  probabilities: ArrayLike<number>,
  classCount: number,
): number {
  let sum = 0;
  for (let n = 0; n < labels.length; n += 1) {
    // What is 0 in doubles is at most this.
    sum -= Math.log(Math.max(Number.MIN_VALUE, probabilities[n * classCount + labels[n]!]!));
  }
  return sum / labels.length;
}
