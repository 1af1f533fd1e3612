/** Gathers a model's answers batch by batch, as the metrics read them. */
import type { Predictions } from './predictions.ts';
import { softmaxRows } from './softmax.ts';

export class PredictionCollector {
  readonly #classCount: number;
  readonly #labels: number[] = [];
  readonly #probabilities: number[] = [];

  constructor(classCount: number) {
    this.#classCount = classCount;
  }

  /** @param present rows to take, 1 each; absent: all */
  add(labels: Int32Array, logits: Float32Array, present?: Uint8Array): void {
    const probabilities = softmaxRows(logits, this.#classCount);
    labels.forEach((label, row) => {
      if (present?.[row] === 0) return;
      this.#labels.push(label);
      for (let k = 0; k < this.#classCount; k += 1) {
        this.#probabilities.push(probabilities[row * this.#classCount + k] ?? 0);
      }
    });
  }

  get predictions(): Predictions {
    return { labels: this.#labels, probabilities: this.#probabilities, classCount: this.#classCount };
  }
}
