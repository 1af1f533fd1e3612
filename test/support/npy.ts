/** Writes .npy files of float32, as `np.save` does. */
import { writeFileSync } from 'node:fs';

/** @param values row-major */
export function writeNpy(path: string, values: ArrayLike<number>, shape: readonly number[]): void {
  writeFileSync(path, npyOf(shape, values));
}

export function npyOf(shape: readonly number[], values: ArrayLike<number>): Buffer {
  const sizes = shape.length === 1 ? `${String(shape[0])},` : shape.join(', ');
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes}), }`;
  const length = Math.ceil((header.length + 11) / 64) * 64 - 10;
  const start = Buffer.from(`\x93NUMPY\x01\x00..${header.padEnd(length - 1)}\n`, 'latin1');
  start.writeUInt16LE(length, 8);
  return Buffer.concat([start, Buffer.from(Float32Array.from(values).buffer)]);
}
