/** Gradient clipping by global norm (Pascanu, Mikolov, Bengio, ICML 2013), as PyTorch's `clip_grad_norm_` has it. */
import type { Gradients } from '../../engine/network/parameters.ts';
import { tf } from '../../engine/tensorflow.ts';
import type { Optimizer } from './optimizer.ts';

/** PyTorch's: keeps the division finite. */
const SMALLEST_LENGTH = 1e-6;

/** ‖g‖₂ over all parameters. */
export function globalNorm(gradients: Gradients): number {
  if (gradients.size === 0) return 0;
  const squares = tf.tidy(() => {
    const each = [...gradients.values()].map((gradient) => tf.sum(tf.square(gradient)));
    return tf.stack(each).dataSync<'float32'>();
  });
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
}

/**
 * g · min(1, largest / (‖g‖₂ + 10⁻⁶)); new tensors belong to the tidy around the call.
 *
 * @param largest length allowed, > 0
 */
export function clipGradients(gradients: Gradients, largest: number): Gradients {
  const factor = largest / (globalNorm(gradients) + SMALLEST_LENGTH);
  if (factor >= 1) return gradients;
  return new Map([...gradients].map(([name, gradient]) => [name, tf.mul(gradient, factor)]));
}

/** The same optimiser, with every update's gradients clipped. */
export function withClipping(optimizer: Optimizer, largest: number): Optimizer {
  return {
    ...optimizer,
    apply: (gradients, learningRate) => {
      tf.tidy(() => {
        optimizer.apply(clipGradients(gradients, largest), learningRate);
      });
    },
  };
}
