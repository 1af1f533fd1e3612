/**
 * Batch normalisation by TensorFlow's fused operators, over N, H and W of [N, H, W, C]
 * (Ioffe and Szegedy 2015, Algorithm 1). The running variance is the unbiased one, as PyTorch's.
 */
import {
  attribute,
  execute,
  tf,
  webgpu,
  type OpAttribute,
  type Tensor1D,
  type Tensor4D,
} from '../tensorflow.ts';
import { differentiable } from './differentiable.ts';
import { portableBatchNormInference, portableBatchNormTraining } from './portable.ts';

/** PyTorch's defaults. */
export const BATCH_NORM_EPSILON = 1e-5;
export const BATCH_NORM_MOMENTUM = 0.1;

export interface BatchNormStatistics {
  readonly mean: Tensor1D;
  readonly variance: Tensor1D;
}

/** Normalises by running statistics, which are numbers to the gradient. */
export function batchNormInference(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  running: BatchNormStatistics,
): Tensor4D {
  if (webgpu !== undefined) return portableBatchNormInference(x, scale, offset, running, BATCH_NORM_EPSILON);
  return differentiable(
    [x, scale, offset],
    () => {
      const { mean, variance } = running;
      const inputs = [x, scale, offset, mean, variance];
      const outputs = execute('FusedBatchNormV3', batchNormAttributes(false, 1), inputs, 6);
      return { value: outputs[0]!, saved: [x, scale, mean, variance, outputs[5]!] };
    },
    (dy, saved) => execute('FusedBatchNormGradV3', batchNormAttributes(false), [dy, ...saved], 5).slice(0, 3),
  ) as Tensor4D;
}

/**
 * Normalises by the batch's own statistics.
 *
 * @param onRunning gets the running statistics moved by `BATCH_NORM_MOMENTUM` towards the batch's; it
 *   must copy or keep them before it returns
 */
export function batchNormTraining(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  running: BatchNormStatistics,
  onRunning: (moved: BatchNormStatistics) => void,
): Tensor4D {
  if (webgpu !== undefined) {
    const pixels = x.size / x.shape[3];
    return portableBatchNormTraining(x, scale, offset, BATCH_NORM_EPSILON, ({ mean, variance }) => {
      onRunning({
        mean: moved(running.mean, mean),
        variance: moved(running.variance, tf.mul(variance, pixels / Math.max(1, pixels - 1))),
      });
    });
  }
  return differentiable(
    [x, scale, offset],
    () => {
      const inputs = [x, scale, offset, running.mean, running.variance];
      const [value, mean, variance, ...reserved] = execute(
        'FusedBatchNormV3',
        batchNormAttributes(true, BATCH_NORM_MOMENTUM),
        inputs,
        6,
      );
      onRunning({ mean: mean as Tensor1D, variance: variance as Tensor1D });
      return { value: value!, saved: [x, scale, ...reserved] };
    },
    (dy, saved) => execute('FusedBatchNormGradV3', batchNormAttributes(true), [dy, ...saved], 5).slice(0, 3),
  ) as Tensor4D;
}

/** An average, moved by `BATCH_NORM_MOMENTUM` towards what is now. */
function moved(average: Tensor1D, now: Tensor1D): Tensor1D {
  return tf.add(tf.mul(average, 1 - BATCH_NORM_MOMENTUM), tf.mul(now, BATCH_NORM_MOMENTUM));
}

export function batchNormAttributes(isTraining: boolean, averageFactor?: number): OpAttribute[] {
  return [
    attribute.float32('T'),
    attribute.float32('U'),
    attribute.float('epsilon', BATCH_NORM_EPSILON),
    attribute.string('data_format', 'NHWC'),
    attribute.bool('is_training', isTraining),
    ...(averageFactor === undefined ? [] : [attribute.float('exponential_avg_factor', averageFactor)]),
  ];
}
