import { readFileSync } from 'node:fs';
import { decodeSafetensors, type StoredTensor } from '../../../../pipelines/training/checkpoints/safetensors.ts';
import { tf, type Tensor } from '../../../../pipelines/engine/tensorflow.ts';

export interface Golden {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  tensor(name: string): Tensor;
  values(name: string): Float32Array;
  /** Tensors whose names begin with `<prefix>/`, without it. */
  under(prefix: string): Map<string, StoredTensor>;
}

export function readGolden(name: string): Golden {
  const file = new URL(`${name}.safetensors`, import.meta.url);
  const { tensors } = decodeSafetensors(readFileSync(file), file.pathname);
  const find = (key: string) => {
    const found = tensors.get(key);
    if (found === undefined) throw new Error(`no golden value "${key}" in ${name}`);
    return found;
  };
  return {
    tensors,
    tensor: (key) => tf.tensor(find(key).values, [...find(key).shape]),
    values: (key) => find(key).values,
    under: (prefix) =>
      new Map(
        [...tensors]
          .filter(([key]) => key.startsWith(`${prefix}/`))
          .map(([key, tensor]) => [key.slice(prefix.length + 1), tensor]),
      ),
  };
}

/** The largest difference, as a share of the expected values' largest magnitude (at least 1e-3). */
export function relativeError(actual: Tensor | ArrayLike<number>, expected: ArrayLike<number>): number {
  const values = 'dataSync' in actual ? actual.dataSync() : actual;
  if (values.length !== expected.length) return Infinity;
  let largest = 1e-3;
  let difference = 0;
  for (let i = 0; i < expected.length; i += 1) {
    largest = Math.max(largest, Math.abs(expected[i]!));
    difference = Math.max(difference, Math.abs(values[i]! - expected[i]!));
  }
  return Number.isNaN(difference) ? Infinity : difference / largest;
}
