/**
 * Reads rows from where their bytes lie in shard files. What that needs is plain data and can be sent to a thread;
 * the module knows no Arrow, so that a thread starts quickly.
 */
import { readSync } from 'node:fs';
import { ModalmixError } from '../../../schemas/errors.ts';
import { inOrder, isFeatures, type FeatureModality, type Modality } from '../../../schemas/modality-names.ts';
import type { AudioFeature, PictureFeature, VectorFeature } from '../../extraction/extractor.ts';
import { decodeHalves } from '../native/float16.ts';

/** Where a modality's values lie in a file. */
export interface Extents {
  /** Bytes from the file's start, by row; −1: the row has no value. */
  readonly offsets: Float64Array;
  /** Sizes of the axes, `rank` of them a row. */
  readonly shapes: Int32Array;
  readonly rank: number;
}

/** The rows of one shard file that is open. */
export interface FileRows {
  /** For messages. */
  readonly file: string;
  readonly descriptor: number;
  readonly rows: number;
  /** Audio as float16, not float32. */
  readonly halfPrecision: boolean;
  /** Of the modalities that the file has and that are read. */
  readonly extents: Readonly<Partial<Record<Modality, Extents>>>;
}

/** A row's features; one that is missing or was not asked for is absent. */
export interface ShardRow {
  readonly audio?: AudioFeature;
  readonly rgb?: PictureFeature;
  readonly flow?: PictureFeature;
  readonly [features: FeatureModality]: VectorFeature;
}

/** Memory that rows are read into again and again: the first pass over fresh memory is an order slower. */
export class RowMemory {
  readonly #kept = new Map<string, Uint8Array>();

  /** At least word-aligned; holds whatever it held before. */
  take(use: string, bytes: number): Uint8Array {
    let kept = this.#kept.get(use);
    if (kept === undefined || kept.length < bytes) {
      kept = new Uint8Array(bytes);
      this.#kept.set(use, kept);
    }
    return kept.subarray(0, bytes);
  }
}

export class RowReader {
  readonly rows: number;
  readonly #files: readonly FileRows[];
  /** Number of the first row after each file. */
  readonly #ends: readonly number[];

  /** @param files in the order of their rows' numbers */
  constructor(files: readonly FileRows[]) {
    let end = 0;
    this.#files = files;
    this.#ends = files.map(({ rows }) => (end += rows));
    this.rows = end;
  }

  /**
   * @param memory where the values are then; they are valid until it is used again. Absent: fresh memory
   * @throws ModalmixError `input` when the file is shorter than it was
   */
  read(rowIndex: number, memory = new RowMemory()): ShardRow {
    const place = this.#ends.findIndex((end) => rowIndex < end);
    const file = this.#files[place];
    if (file === undefined || rowIndex < 0) {
      throw new ModalmixError('internal', `row ${String(rowIndex)} of ${String(this.rows)} was asked for`);
    }
    const row = rowIndex - (this.#ends[place - 1] ?? 0);
    const features: { -readonly [M in keyof ShardRow]: ShardRow[M] } = {};
    for (const modality of inOrder(Object.keys(file.extents) as Modality[])) {
      const extents = file.extents[modality];
      const offset = extents?.offsets[row] ?? -1;
      if (extents === undefined || offset < 0) continue;
      const shape = [...extents.shapes.subarray(extents.rank * row, extents.rank * (row + 1))];
      const size = shape.reduce((product, axis) => product * axis, 1);
      if (isFeatures(modality)) {
        const bytes = readBytes(file, offset, memory.take(modality, size * Float32Array.BYTES_PER_ELEMENT));
        features[modality] = {
          data: new Float32Array(bytes.buffer, bytes.byteOffset, size),
          shape: shape as unknown as VectorFeature['shape'],
        };
      } else if (modality === 'audio') {
        features.audio = {
          data: readFloats(file, offset, size, memory),
          shape: shape as unknown as AudioFeature['shape'],
        };
      } else {
        features[modality] = {
          data: readBytes(file, offset, memory.take(modality, size)),
          shape: shape as unknown as PictureFeature['shape'],
        };
      }
    }
    return features;
  }
}

function readFloats(file: FileRows, offset: number, size: number, memory: RowMemory): Float32Array {
  const width = file.halfPrecision ? Uint16Array.BYTES_PER_ELEMENT : Float32Array.BYTES_PER_ELEMENT;
  const { buffer, byteOffset } = readBytes(file, offset, memory.take('audio', size * width));
  if (!file.halfPrecision) return new Float32Array(buffer, byteOffset, size);
  const decoded = memory.take('audio, decoded', size * Float32Array.BYTES_PER_ELEMENT);
  return decodeHalves(
    new Uint16Array(buffer, byteOffset, size),
    new Float32Array(decoded.buffer, decoded.byteOffset, size),
  );
}

function readBytes({ file, descriptor }: FileRows, offset: number, into: Uint8Array): Uint8Array {
  for (let done = 0; done < into.length;) {
    const read = readSync(descriptor, into, done, into.length - done, offset + done);
    if (read === 0) {
      throw new ModalmixError('input', 'a shard was cut short while it was being read', { where: file });
    }
    done += read;
  }
  return into;
}
