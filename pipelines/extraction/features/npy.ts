/**
 * NumPy's .npy files, of the kinds that feature extractors write: float16, float32 or float64, little-endian, C order.
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 *
 * Strict: what is not exactly that is refused with what it is. Python objects (pickles) are never looked into.
 */

export interface NpyArray {
  readonly shape: readonly number[];
  /** In C order; float64 is rounded. */
  readonly values: Float32Array;
}

/** Says what a file is instead; the message fits behind its name: "… is of type <i8, …". */
export class NpyProblem extends Error {
  override readonly name = 'NpyProblem';
}

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
const VERSION_BYTES = 2;
/** Longer ones describe structured types. */
const MOST_HEADER_BYTES = 65_536;
const TEXT = /^'(?<text>[^'\\]*)'/u;
const SHAPE = /^\((?<sizes>[0-9,\s]*)\)/u;

/** @throws NpyProblem when the bytes are not such an array */
export function parseNpy(bytes: Uint8Array): NpyArray {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!file.subarray(0, MAGIC.length).equals(MAGIC)) throw new NpyProblem(otherKind(file));
  const { text, end } = headerOf(file);
  const { descr, fortranOrder, shape } = parseHeader(text);
  const size = SIZES[descr as keyof typeof SIZES] as number | undefined;
  if (size === undefined) throw new NpyProblem(otherType(descr));
  if (fortranOrder && shape.length > 1) {
    throw new NpyProblem('is in Fortran order: save np.ascontiguousarray(x)');
  }
  const count = shape.reduce((product, axis) => product * axis, 1);
  const [there, wanted] = [file.length - end, count * size];
  if (there !== wanted) {
    const state = there < wanted ? 'is cut short' : 'has bytes behind its array';
    throw new NpyProblem(
      `${state}: ${shapeText(shape)} of ${descr} is ${String(wanted)} bytes, and ${String(there)} are there`,
    );
  }
  return { shape, values: valuesOf(file.subarray(end), count, descr as keyof typeof SIZES) };
}

export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** Bytes a value. */
const SIZES = { '<f2': 2, '<f4': 4, '<f8': 8 } as const;

function headerOf(file: Buffer): { text: string; end: number } {
  const cut = new NpyProblem('is cut short in its header');
  const lengthAt = MAGIC.length + VERSION_BYTES;
  if (file.length < lengthAt + 2) throw cut;
  const [major, minor] = [file[MAGIC.length]!, file[MAGIC.length + 1]!];
  if (major < 1 || major > 3 || minor !== 0) {
    throw new NpyProblem(`is of format ${String(major)}.${String(minor)}, and 1.0 to 3.0 are read`);
  }
  const lengthBytes = major === 1 ? 2 : 4;
  if (file.length < lengthAt + lengthBytes) throw cut;
  const length = file.readUIntLE(lengthAt, lengthBytes);
  const start = lengthAt + lengthBytes;
  if (length > MOST_HEADER_BYTES) throw new NpyProblem(`has a header of ${String(length)} bytes`);
  if (file.length < start + length) throw cut;
  return { text: file.toString(major === 3 ? 'utf8' : 'latin1', start, start + length), end: start + length };
}

interface Header {
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** As NumPy writes it, and its format asks for: a Python dict with these three keys, in any order. */
function parseHeader(text: string): Header {
  const found: { descr?: string; fortran_order?: boolean; shape?: number[] } = {};
  const bad = new NpyProblem('has a header that is not as NumPy writes it');
  let left = entriesOf(text);
  while (left !== undefined && left !== '') {
    const key = /^'(?<key>descr|fortran_order|shape)'\s*:\s*/u.exec(left);
    const name = key?.groups?.['key'] as keyof typeof found | undefined;
    if (key === null || name === undefined || found[name] !== undefined) throw bad;
    left = left.slice(key[0].length);
    let taken: string;
    if (name === 'descr') {
      if (left.startsWith('[')) throw new NpyProblem('holds records: save one array of numbers');
      const value = TEXT.exec(left);
      if (value === null) throw bad;
      [taken] = value;
      found.descr = value.groups?.['text'] ?? '';
    } else if (name === 'fortran_order') {
      const value = /^(?:True|False)/u.exec(left);
      if (value === null) throw bad;
      [taken] = value;
      found.fortran_order = taken === 'True';
    } else {
      const value = SHAPE.exec(left);
      if (value === null) throw bad;
      [taken] = value;
      found.shape = sizesOf(value.groups?.['sizes'] ?? '', bad);
    }
    const rest = left.slice(taken.length).trimStart();
    if (rest !== '' && !rest.startsWith(',')) throw bad;
    left = rest.slice(1).trimStart();
  }
  const { descr, fortran_order: fortranOrder, shape } = found;
  if (descr === undefined || fortranOrder === undefined || shape === undefined) throw bad;
  return { descr, fortranOrder, shape };
}

/** Between the braces, without a last comma; by hand, since an expression for it takes time by the cube of the spaces. */
function entriesOf(text: string): string | undefined {
  const whole = text.trim();
  if (!whole.startsWith('{') || !whole.endsWith('}') || whole.length < 2) return undefined;
  return whole.slice(1, -1).trim().replace(/,$/u, '').trimEnd();
}

/** Of `3, 512`, `512,` or nothing. */
function sizesOf(text: string, bad: NpyProblem): number[] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.at(-1) === '') parts.pop();
  const sizes = parts.map((part) => (/^\d{1,15}$/u.test(part) ? Number(part) : NaN));
  if (sizes.some(Number.isNaN) || !Number.isSafeInteger(sizes.reduce((product, size) => product * size, 8))) {
    throw bad;
  }
  return sizes;
}

/** A copy: the file's own bytes need not be aligned. */
function valuesOf(body: Buffer, count: number, descr: keyof typeof SIZES): Float32Array {
  const values = new Float32Array(count);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  for (let i = 0; i < count; i += 1) {
    values[i] =
      descr === '<f4'
        ? view.getFloat32(4 * i, true)
        : descr === '<f8'
          ? view.getFloat64(8 * i, true)
          : half(view.getUint16(2 * i, true));
  }
  return values;
}

function half(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function otherType(descr: string): string {
  if (descr.includes('O'))
    return 'holds Python objects (a pickle), which are never loaded: save an array of numbers';
  return `is of type ${descr}: save it as float32 (or float16, float64), little-endian`;
}

function otherKind(file: Buffer): string {
  if (file.length === 0) return 'is empty';
  if (file.toString('latin1', 0, 4) === 'PK\x03\x04') return 'is an .npz archive: save each array by np.save';
  if (file[0] === 0x80) return 'is a Python pickle, which is never loaded: save the array by np.save';
  if (file.toString('latin1', 0, 8) === 'version ') return 'is a pointer of Git LFS: run git lfs pull';
  return 'is no .npy file';
}
