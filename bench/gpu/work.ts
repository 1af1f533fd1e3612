/** What is computed on a GPU and, for the numbers that it should give, by TensorFlow on the processor. */
import { convolution } from '../../pipelines/engine/kernels/convolution.ts';
import { createPlanParameters } from '../../pipelines/engine/network/plan-parameters.ts';
import { createTapedEncoder } from '../../pipelines/engine/network/taped-encoder.ts';
import { Parameters } from '../../pipelines/engine/network/parameters.ts';
import { tf, type Tensor4D } from '../../pipelines/engine/tensorflow.ts';
import { planEncoder } from '../../pipelines/training/model/encoders/index.ts';
import { createOptimizer } from '../../pipelines/training/optimizers/index.ts';
import { trainingConfigSchema } from '../../schemas/config/training-config.ts';

const CLASSES = 6;
export type Shape = readonly [number, number, number, number];

export interface Layer {
  readonly x: Shape;
  readonly filter: Shape;
  readonly stride: number;
  readonly pad: number;
}

/** Layers of a ResNet-18 over pictures of `px` a side. */
export function layersOf({ batch, width, px }: StepSize): readonly Layer[] {
  const at = (share: number) => Math.ceil(px / share);
  const block = (share: number, times: number): Layer => ({
    x: [batch, at(share), at(share), times * width],
    filter: [3, 3, times * width, times * width],
    stride: 1,
    pad: 1,
  });
  return [
    { x: [batch, px, px, 3], filter: [7, 7, 3, width], stride: 2, pad: 3 },
    ...[block(4, 1), block(8, 2), block(16, 4), block(32, 8)],
    { x: [batch, at(4), at(4), width], filter: [3, 3, width, 2 * width], stride: 2, pad: 1 },
  ];
}

const CHECKED: readonly Layer[] = [
  { x: [1, 15, 13, 3], filter: [7, 7, 3, 8], stride: 2, pad: 3 },
  { x: [3, 12, 10, 8], filter: [3, 3, 8, 8], stride: 1, pad: 1 },
  { x: [1, 9, 8, 8], filter: [3, 3, 8, 12], stride: 2, pad: 1 },
  { x: [1, 4, 4, 66], filter: [1, 1, 66, 69], stride: 1, pad: 0 },
];

/** The same on every engine: drawn by the processor. */
export function numbers([a, b, c, d]: Shape, seed: number): Tensor4D {
  let state = seed;
  const values = Float32Array.from({ length: a * b * c * d }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state / 2 ** 31;
  });
  return tf.tensor4d(values, [a, b, c, d]);
}

export interface Answers {
  /** Of the filters in `CHECKED`, and of their inputs. */
  readonly gradients: readonly (readonly number[])[];
  /** Of the steps of a small training. */
  readonly losses: readonly number[];
}

export function answers(): Answers {
  const gradients = CHECKED.flatMap(({ x, filter, stride, pad }, index) => {
    const gradientsOf = tf.grads((input, weights) => {
      const y = convolution(input as Tensor4D, weights as Tensor4D, { stride, pad });
      return tf.sum(tf.mul(y, numbers(y.shape, 2 * index + 2)));
    });
    return gradientsOf([numbers(x, 2 * index + 1), numbers(filter, 7)]).map((one) => [...one.dataSync()]);
  });
  const step = createStep({ batch: 4, width: 4, px: 32 });
  return { gradients, losses: Array.from({ length: 4 }, () => step()) };
}

export interface StepSize {
  readonly batch: number;
  readonly width: number;
  /** Of a picture's side; a spectrogram has 257 × 188 where it is 224, else as many. */
  readonly px: number;
}

/** Two ResNet-18s, concatenated, one linear layer, SGD. @returns does a step and gives its loss */
export function createStep({ batch, width, px }: StepSize): () => number {
  const training = trainingConfigSchema.parse({ encoder: { width } });
  const parameters = new Parameters(0);
  const [audio, rgb] = (['audio', 'rgb'] as const).map((modality) => {
    const plan = planEncoder(modality, training.encoder);
    return createTapedEncoder(plan, createPlanParameters(parameters, modality, plan), 'float32');
  });
  const head = parameters.learn('head', [audio!.featureSize + rgb!.featureSize, CLASSES], (values) =>
    values.fill(0),
  );
  const optimizer = createOptimizer(parameters.trainable, training.optimizer, false);
  const sounds = numbers(px === 224 ? [batch, 257, 188, 1] : [batch, px, px, 1], 1);
  const pictures = numbers([batch, px, px, 3], 2);
  const classes = Array.from({ length: batch }, (_, i) => i % CLASSES);
  const labels = tf.oneHot(tf.tensor1d(classes, 'int32'), CLASSES);
  return () =>
    tf.tidy(() => {
      const { value, gradients } = parameters.gradients(() => {
        const fused = tf.concat([audio!.encode(sounds, true), rgb!.encode(pictures, true)], 1);
        return tf.losses.softmaxCrossEntropy(labels, tf.matMul(fused, head as never));
      });
      optimizer.apply(gradients, training.optimizer.learningRate);
      return value.dataSync()[0]!;
    });
}
