/**
 * The safetensors format (github.com/huggingface/safetensors, "Format"): 8 bytes little-endian header length N, N bytes
 * of JSON padded with spaces to a multiple of 8, then the numbers, little-endian, each tensor at its offsets.
 * Only F32 is written and read; tensors of other types may be in a file, when they are not asked for.
 */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { z } from 'zod';
import { ModalmixError } from '../../../schemas/errors.ts';

export interface StoredTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const ALIGNMENT = 8;
const METADATA = '__metadata__';
const SHA256_CHARACTERS = 64;

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

export function encodeSafetensors({ tensors, metadata }: SafetensorsFile): Buffer {
  const { places, start, size } = layOut(tensors, metadata);
  const file = Buffer.alloc(start + size);
  headerOf(places, metadata, start).copy(file);
  for (const { name, offset } of places) file.set(bytesOf(tensors.get(name)!.values), start + offset);
  return file;
}

/** A tensor that is read when its turn comes. */
export interface TensorSource {
  readonly shape: readonly number[];
  readonly read: () => Float32Array;
}

/**
 * Writes what `encodeSafetensors` gives to a new local file, with one tensor at a time in memory.
 *
 * @param metadata when it holds the tensors' hash it is a function of that, and as long whatever the hash
 * @param hash takes each tensor's `<name>\0` and bytes, in the order of the names
 */
export function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, TensorSource>,
  metadata: (sha256: string) => Readonly<Record<string, string>>,
  hash: Hash = createHash('sha256'),
): void {
  const { places, start } = layOut(tensors, metadata('0'.repeat(SHA256_CHARACTERS)));
  const descriptor = openSync(file, 'wx');
  try {
    for (const { name, offset } of [...places].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const bytes = bytesOf(tensors.get(name)!.read());
      hash.update(`${name}\0`).update(bytes);
      writeAll(descriptor, bytes, start + offset);
    }
    writeAll(descriptor, headerOf(places, metadata(hash.digest('hex')), start), 0);
  } finally {
    closeSync(descriptor);
  }
}

interface Place {
  readonly name: string;
  readonly shape: readonly number[];
  /** From where the numbers start, in bytes. */
  readonly offset: number;
  readonly bytes: number;
}

/** The tensors of even length come first, so that they start at multiples of 8 bytes. */
function layOut(
  tensors: ReadonlyMap<string, Pick<StoredTensor, 'shape'>>,
  metadata: Readonly<Record<string, string>>,
) {
  const lengthOf = (shape: readonly number[]) => shape.reduce((product, axis) => product * axis, 1);
  const places: Place[] = [];
  let size = 0;
  // The format allows no gaps, so a tensor with an odd count of floats would shift all that follow it.
  const ordered = [...tensors].sort(([, a], [, b]) => (lengthOf(a.shape) % 2) - (lengthOf(b.shape) % 2));
  for (const [name, { shape }] of ordered) {
    const bytes = lengthOf(shape) * Float32Array.BYTES_PER_ELEMENT;
    places.push({ name, shape, offset: size, bytes });
    size += bytes;
  }
  const json = Buffer.byteLength(headerJson(places, metadata));
  return { places, start: ALIGNMENT + Math.ceil(json / ALIGNMENT) * ALIGNMENT, size };
}

function headerJson(places: readonly Place[], metadata: Readonly<Record<string, string>>): string {
  const header: Record<string, unknown> = { [METADATA]: metadata };
  for (const { name, shape, offset, bytes } of places) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes] };
  }
  return JSON.stringify(header);
}

/** The file's first `start` bytes. */
function headerOf(
  places: readonly Place[],
  metadata: Readonly<Record<string, string>>,
  start: number,
): Buffer {
  const bytes = Buffer.alloc(start, ' ');
  bytes.writeBigUInt64LE(BigInt(start - ALIGNMENT));
  bytes.write(headerJson(places, metadata), ALIGNMENT);
  return bytes;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function writeAll(descriptor: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(descriptor, bytes, done, bytes.length - done, position + done);
  }
}

/**
 * @param where names the file in error messages
 * @param wanted names of the tensors to read; the others are passed over. Default: all
 * @throws ModalmixError `input` when the bytes are not a whole file of this format, or a wanted tensor is not F32
 */
export function decodeSafetensors(
  file: Buffer,
  where: string,
  wanted: (name: string) => boolean = () => true,
): SafetensorsFile {
  const refuse = (problem: string): never => {
    throw new ModalmixError('input', `these are not whole safetensors: ${problem}`, { where });
  };
  if (file.length < ALIGNMENT) refuse(`${String(file.length)} bytes`);
  const headerSize = Number(file.readBigUInt64LE());
  const start = ALIGNMENT + headerSize;
  if (start > file.length) refuse(`the header is said to be ${String(headerSize)} bytes long`);
  const { [METADATA]: metadata = {}, ...entries } = parseHeader(file.subarray(ALIGNMENT, start), refuse);
  const listed = Object.entries(entries).map(([name, value]) => {
    const entry = entrySchema.safeParse(value);
    return entry.success ? { name, ...entry.data } : refuse(`the entry "${name}" is not understood`);
  });
  refuseOverlaps(listed, file.length - start, refuse);
  const tensors = new Map<string, StoredTensor>();
  for (const { name, dtype, shape, data_offsets: offsets } of listed) {
    if (!wanted(name)) continue;
    if (dtype !== 'F32') return refuse(`"${name}" is ${dtype}, and only F32 is read`);
    const count = shape.reduce((product, axis) => product * axis, 1);
    if (offsets[1] - offsets[0] !== 4 * count) refuse(`"${name}" does not have the size of its shape`);
    const values = new Float32Array(count);
    new Uint8Array(values.buffer).set(file.subarray(start + offsets[0], start + offsets[1]));
    tensors.set(name, { shape, values });
  }
  return { tensors, metadata: z.record(z.string(), z.string()).catch({}).parse(metadata) };
}

/**
 * The format allows neither: a small file whose tensors all lie at the same place would take memory for each of them.
 *
 * @param bytes of the numbers
 */
function refuseOverlaps(
  listed: readonly { readonly name: string; readonly data_offsets: readonly [number, number] }[],
  bytes: number,
  refuse: (problem: string) => never,
): void {
  let end = 0;
  for (const { name, data_offsets: offsets } of [...listed].sort(
    (a, b) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1],
  )) {
    if (offsets[1] > bytes) refuse(`"${name}" ends after the file`);
    if (offsets[1] < offsets[0]) refuse(`"${name}" ends before it begins`);
    if (offsets[0] < end) refuse(`"${name}" lies over another tensor`);
    if (offsets[0] > end) refuse(`there is a gap before "${name}"`);
    end = offsets[1];
  }
  if (end !== bytes) refuse('bytes are left over');
}

function parseHeader(bytes: Buffer, refuse: (problem: string) => never): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    return refuse('the header is not JSON');
  }
}
