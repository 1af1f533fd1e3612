/** Label smoothing and class weights against PyTorch's cross-entropy with probabilities as targets. */
import { expect, it } from 'vitest';
import { crossEntropy, lossTargets } from '../../../../pipelines/training/model/losses.ts';
import { tf, type Tensor2D } from '../../../../pipelines/engine/tensorflow.ts';
import { relativeError } from '../golden/read-golden.ts';
import { flat, trainingOptionsGolden } from '../golden/training-options.ts';

const { logits, labels, weights, cases } = trainingOptionsGolden.losses;
const classes = weights.length;

it.each(cases)(
  'is PyTorch’s for $labels labels, smoothing $smoothing, weighted: $weighted; value and gradient',
  ({ labels: kind, smoothing, weighted, loss, gradient }) => {
    const targets = lossTargets(Float32Array.from(flat(labels[kind])), classes, {
      labelSmoothing: smoothing,
      classWeights: weighted ? weights : undefined,
    });
    tf.tidy(() => {
      const { value, grad } = tf.valueAndGrad((x) => crossEntropy(x as Tensor2D, targets))(
        tf.tensor2d(logits),
      );
      expect(value.dataSync()[0]).toBeCloseTo(loss, 5);
      expect(relativeError(grad, flat(gradient))).toBeLessThan(1e-5);
    });
  },
);

it('smooths a row that a method has weighed within its weight', () => {
  const targets = lossTargets(Float32Array.from([0, 3, 0, 0, 1, 0, 0, 0]), classes, { labelSmoothing: 0.2 });
  const expected = [0.15, 2.55, 0.15, 0.15, 0.85, 0.05, 0.05, 0.05];
  for (const [at, value] of expected.entries()) expect(targets[at]).toBeCloseTo(value, 6);
});
