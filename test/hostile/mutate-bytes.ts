/** Damaged copies of real files: what disks, cut-off copies and strangers do to bytes. Seeded by fast-check, and shrunk by it. */
import fc from 'fast-check';

/** Values that lengths, counts and offsets are read as. */
const EXTREMES = [0, 1, -1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const WIDTHS = [1, 2, 4, 8] as const;
/** A file does not grow beyond this by what is done to it. */
const MOST_BYTES = 4 * 2 ** 20;

type Change = (bytes: Buffer) => Buffer;

/** Heads of files, where their lengths stand, are hit as often as all that follows. */
const place = fc.oneof(fc.nat(64), fc.nat(2 ** 30));
const length = fc.oneof(fc.nat(16), fc.nat(4096));
const within = (at: number, { length: size }: Buffer): number => (size === 0 ? 0 : at % size);

const flip = fc.tuple(place, fc.nat(7)).map(([at, bit]): Change => {
  return (bytes) => {
    const changed = Buffer.from(bytes);
    if (changed.length > 0) changed[within(at, changed)]! ^= 1 << bit;
    return changed;
  };
});

const extreme = fc
  .tuple(place, fc.constantFrom(...WIDTHS), fc.constantFrom(...EXTREMES), fc.boolean(), fc.boolean())
  .map(([at, width, value, isBig, isAligned]): Change => {
    return (bytes) => {
      const changed = Buffer.from(bytes);
      const from = within(at, changed);
      const start = isAligned ? from - (from % width) : from;
      const digits = Buffer.alloc(8);
      digits.writeBigInt64LE(BigInt(value));
      const field = digits.subarray(0, width);
      if (isBig) field.reverse();
      field.copy(changed, start);
      return changed;
    };
  });

const cut = place.map(
  (at): Change =>
    (bytes) =>
      bytes.subarray(0, within(at, bytes)),
);

const remove = fc.tuple(place, length).map(([at, size]): Change => {
  return (bytes) =>
    Buffer.concat([bytes.subarray(0, within(at, bytes)), bytes.subarray(within(at, bytes) + size)]);
});

const repeat = fc.tuple(place, length, fc.integer({ min: 1, max: 64 })).map(([at, size, times]): Change => {
  return (bytes) => {
    const [from, to] = [within(at, bytes), within(at, bytes) + size];
    const piece = bytes.subarray(from, to);
    const copies = Array<Buffer>(Math.min(times, Math.floor(MOST_BYTES / Math.max(1, size)))).fill(piece);
    return Buffer.concat([bytes.subarray(0, to), ...copies, bytes.subarray(to)]);
  };
});

const insert = fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 32 })).map(([at, added]): Change => {
  return (bytes) =>
    Buffer.concat([bytes.subarray(0, within(at, bytes)), added, bytes.subarray(within(at, bytes))]);
});

/** One piece over another of the same file. */
const copyOver = fc.tuple(place, place, length).map(([from, to, size]): Change => {
  return (bytes) => {
    const changed = Buffer.from(bytes);
    bytes.copy(changed, within(to, bytes), within(from, bytes), within(from, bytes) + size);
    return changed;
  };
});

const zero = fc.tuple(place, length).map(([at, size]): Change => {
  return (bytes) => {
    const changed = Buffer.from(bytes);
    changed.subarray(within(at, changed)).subarray(0, size).fill(0);
    return changed;
  };
});

const change = fc.oneof(
  { weight: 6, arbitrary: flip },
  { weight: 6, arbitrary: extreme },
  { weight: 2, arbitrary: cut },
  remove,
  repeat,
  insert,
  copyOver,
  zero,
);

/** The head of one file and the tail of another. */
const splice = (files: readonly Buffer[]): fc.Arbitrary<Buffer> =>
  fc.tuple(fc.constantFrom(...files), fc.constantFrom(...files), place, place).map(([one, other, a, b]) => {
    return Buffer.concat([one.subarray(0, within(a, one)), other.subarray(within(b, other))]);
  });

/** @param files real ones of one kind */
export function mutatedBytes(files: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const changes = fc.array(change, { minLength: 1, maxLength: 6 });
  const changed = fc
    .tuple(fc.constantFrom(...files), changes)
    .map(([file, all]) => all.reduce((bytes, one) => one(bytes), file).subarray(0, MOST_BYTES));
  return fc.oneof({ weight: 15, arbitrary: changed }, splice(files));
}
