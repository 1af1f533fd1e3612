/**
 * The safetensors format (github.com/huggingface/safetensors, "Format"): 8 bytes little-endian header length N, N bytes
 * of JSON padded with spaces to a multiple of 8, then the numbers, little-endian, each tensor at its offsets.
 * Only F32 is written and read; tensors of other types may be in a file, when they are not asked for.
 */
import { z } from 'zod';
import { ModalmixError } from '../../schemas/errors.ts';

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

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

/** The tensors of even length come first, so that they start at multiples of 8 bytes. */
export function encodeSafetensors({ tensors, metadata }: SafetensorsFile): Buffer {
  const header: Record<string, unknown> = { [METADATA]: metadata };
  let size = 0;
  // The format allows no gaps, so a tensor with an odd count of floats would shift all that follow it.
  const ordered = [...tensors].sort(([, a], [, b]) => (a.values.length % 2) - (b.values.length % 2));
  for (const [name, { shape, values }] of ordered) {
    header[name] = { dtype: 'F32', shape, data_offsets: [size, size + values.byteLength] };
    size += values.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const headerSize = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const file = Buffer.alloc(ALIGNMENT + headerSize + size, ' ');
  file.writeBigUInt64LE(BigInt(headerSize));
  json.copy(file, ALIGNMENT);
  let at = ALIGNMENT + headerSize;
  for (const [, { values }] of ordered) {
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return file;
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
  const tensors = new Map<string, StoredTensor>();
  let size = 0;
  for (const [name, value] of Object.entries(entries)) {
    const entry = entrySchema.safeParse(value);
    if (!entry.success) return refuse(`the entry "${name}" is not understood`);
    const { dtype, shape, data_offsets: offsets } = entry.data;
    size = Math.max(size, offsets[1]);
    if (!wanted(name)) continue;
    if (dtype !== 'F32') return refuse(`"${name}" is ${dtype}, and only F32 is read`);
    const count = shape.reduce((product, axis) => product * axis, 1);
    if (offsets[1] - offsets[0] !== 4 * count) refuse(`"${name}" does not have the size of its shape`);
    if (start + offsets[1] > file.length) refuse(`"${name}" ends after the file`);
    const values = new Float32Array(count);
    new Uint8Array(values.buffer).set(file.subarray(start + offsets[0], start + offsets[1]));
    tensors.set(name, { shape, values });
  }
  if (start + size !== file.length) refuse('bytes are left over');
  return { tensors, metadata: z.record(z.string(), z.string()).catch({}).parse(metadata) };
}

function parseHeader(bytes: Buffer, refuse: (problem: string) => never): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    return refuse('the header is not JSON');
  }
}
