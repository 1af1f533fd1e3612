/**
 * Gradient accumulation: takes an optimiser's place for some batches, and then makes one update along the mean of what
 * it was given, as the sum of losses divided by their number gives it. A parameter that no batch had a gradient for
 * has none.
 */
import type { Gradients } from '../../engine/network/parameters.ts';
import { tf, type Tensor } from '../../engine/tensorflow.ts';
import type { Optimizer } from './optimizer.ts';

export class GradientMean implements Pick<Optimizer, 'apply' | 'ignoresScale'> {
  /** Sums hold the factors of a method that scales gradients; with Adam the config refuses it. */
  readonly ignoresScale = false;
  readonly #sums = new Map<string, Tensor>();
  #batches = 0;

  /** Of one batch; the learning rate is that of `update`. */
  apply(gradients: Gradients): void {
    for (const [name, gradient] of gradients) {
      const sum = this.#sums.get(name);
      this.#sums.set(
        name,
        tf.keep(tf.tidy(() => (sum === undefined ? tf.clone(gradient) : tf.add(sum, gradient)))),
      );
      sum?.dispose();
    }
    this.#batches += 1;
  }

  /** The update, and begins anew. */
  update(optimizer: Pick<Optimizer, 'apply'>, learningRate: number): void {
    tf.tidy(() => {
      const mean: Gradients = new Map(
        [...this.#sums].map(([name, sum]) => [name, tf.div(sum, this.#batches)]),
      );
      optimizer.apply(mean, learningRate);
    });
    this.dispose();
  }

  dispose(): void {
    for (const sum of this.#sums.values()) sum.dispose();
    this.#sums.clear();
    this.#batches = 0;
  }
}
