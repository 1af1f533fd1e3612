/**
 * Ridge regression onto the classes, in closed form: what a linear probe is fitted by. Its sums are gathered batch by
 * batch, so that no features are held. Pure, in doubles.
 */

/** Logits are `weights` · features + `bias`. */
export interface LinearClassifier {
  /** [classes × size] */
  readonly weights: Float64Array;
  /** [classes] */
  readonly bias: Float64Array;
}

export class RidgeSums {
  readonly size: number;
  readonly classes: number;
  /** Lower triangle of Σ x xᵀ, [size × size]. */
  readonly #products: Float64Array;
  /** Σ x of each class, [classes × size]. */
  readonly #sums: Float64Array;
  readonly #counts: Float64Array;

  constructor(size: number, classes: number) {
    this.size = size;
    this.classes = classes;
    this.#products = new Float64Array(size * size);
    this.#sums = new Float64Array(classes * size);
    this.#counts = new Float64Array(classes);
  }

  /** Clips seen. */
  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * @param features [clips × size]
   * @param present 1 where a clip has the features; absent: everywhere
   */
  add(features: Float32Array, labels: ArrayLike<number>, present?: Uint8Array): void {
    const { size } = this;
    const seen: Float32Array[] = [];
    for (let n = 0; n < labels.length; n += 1) {
      if (present?.[n] === 0) continue;
      const label = labels[n]!;
      const own = features.subarray(n * size, (n + 1) * size);
      this.#counts[label]! += 1;
      for (let i = 0; i < size; i += 1) this.#sums[label * size + i]! += own[i]!;
      seen.push(own);
    }
    const none = new Float32Array(size);
    // Four clips for each way through the products, which are larger than a processor's cache.
    for (let n = 0; n < seen.length; n += 4) {
      this.#addProducts(seen[n]!, seen[n + 1] ?? none, seen[n + 2] ?? none, seen[n + 3] ?? none);
    }
  }

  #addProducts(a: Float32Array, b: Float32Array, c: Float32Array, d: Float32Array): void {
    const { size } = this;
    const products = this.#products;
    for (let i = 0; i < size; i += 1) {
      const [p, q, r, s] = [a[i]!, b[i]!, c[i]!, d[i]!];
      // Many are exactly 0 after a ReLU.
      if (p === 0 && q === 0 && r === 0 && s === 0) continue;
      const row = i * size;
      for (let j = 0; j <= i; j += 1) {
        products[row + j]! += p * a[j]! + q * b[j]! + r * c[j]! + s * d[j]!;
      }
    }
  }

  /**
   * Minimises, for each class k, Σ_n (y_nk − b_k − w_k · x̂_n)² + strength · N ‖w_k‖², x̂ being the features less their
   * mean, divided by their deviation (a feature that never varies counts for nothing) and y 1 for a clip's class,
   * else 0: scikit-learn's `Ridge(alpha=strength * N)` on `StandardScaler`'s output.
   *
   * @param strength above 0
   */
  solve(strength: number): LinearClassifier {
    const { size, classes, count } = this;
    const mean = new Float64Array(size);
    for (let k = 0; k < classes; k += 1) {
      for (let i = 0; i < size; i += 1) mean[i]! += this.#sums[k * size + i]! / count;
    }
    const factor = mean.map((value, i) => {
      const variance = this.#products[i * size + i]! / count - value * value;
      // Rounding leaves a little of what does not vary.
      return variance > 1e-12 * value * value + Number.MIN_VALUE ? 1 / Math.sqrt(variance) : 0;
    });
    const matrix = new Float64Array(size * size);
    for (let i = 0; i < size; i += 1) {
      for (let j = 0; j <= i; j += 1) {
        const centred = this.#products[i * size + j]! - count * mean[i]! * mean[j]!;
        matrix[i * size + j] = centred * factor[i]! * factor[j]!;
      }
      matrix[i * size + i]! += strength * count;
    }
    factorise(matrix, size);
    const weights = new Float64Array(classes * size);
    const bias = new Float64Array(classes);
    for (let k = 0; k < classes; k += 1) {
      const own = weights.subarray(k * size, (k + 1) * size);
      for (let i = 0; i < size; i += 1) {
        own[i] = (this.#sums[k * size + i]! - this.#counts[k]! * mean[i]!) * factor[i]!;
      }
      substitute(matrix, size, own);
      let shift = 0;
      for (let i = 0; i < size; i += 1) {
        own[i]! *= factor[i]!;
        shift += own[i]! * mean[i]!;
      }
      bias[k] = this.#counts[k]! / count - shift;
    }
    return { weights, bias };
  }
}

/** The class with the highest logit of each clip; of equals the first. @param features [clips × size] */
export function classify({ weights, bias }: LinearClassifier, features: Float32Array): Int32Array {
  const size = weights.length / bias.length;
  const chosen = new Int32Array(features.length / size);
  for (let n = 0; n < chosen.length; n += 1) {
    let best = -Infinity;
    for (let k = 0; k < bias.length; k += 1) {
      let logit = bias[k]!;
      for (let i = 0; i < size; i += 1) logit += weights[k * size + i]! * features[n * size + i]!;
      if (logit > best) [best, chosen[n]] = [logit, k];
    }
  }
  return chosen;
}

/** Cholesky: the lower triangle of a positive definite matrix becomes L with L Lᵀ = it. */
function factorise(matrix: Float64Array, size: number): void {
  for (let i = 0; i < size; i += 1) {
    const a = i * size;
    for (let j = 0; j <= i; j += 1) {
      const b = j * size;
      // Four sums, of which a processor works on all at once.
      let [p, q, r, s] = [0, 0, 0, 0];
      let k = 0;
      for (; k + 4 <= j; k += 4) {
        p += matrix[a + k]! * matrix[b + k]!;
        q += matrix[a + k + 1]! * matrix[b + k + 1]!;
        r += matrix[a + k + 2]! * matrix[b + k + 2]!;
        s += matrix[a + k + 3]! * matrix[b + k + 3]!;
      }
      for (; k < j; k += 1) p += matrix[a + k]! * matrix[b + k]!;
      const rest = matrix[a + j]! - (p + q + (r + s));
      matrix[a + j] = i === j ? Math.sqrt(rest) : rest / matrix[b + j]!;
    }
  }
}

/** Solves L Lᵀ x = y in place. */
function substitute(lower: Float64Array, size: number, values: Float64Array): void {
  for (let i = 0; i < size; i += 1) {
    let sum = values[i]!;
    for (let j = 0; j < i; j += 1) sum -= lower[i * size + j]! * values[j]!;
    values[i] = sum / lower[i * size + i]!;
  }
  for (let i = size - 1; i >= 0; i -= 1) {
    const value = values[i]! / lower[i * size + i]!;
    values[i] = value;
    for (let j = 0; j < i; j += 1) values[j]! -= lower[i * size + j]! * value;
  }
}
