/**
 * Writes batches of rows as one Arrow IPC file, and hashes it on the way; the same batches give the same bytes.
 */
import { createHash } from 'node:crypto';
import { writevSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import {
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  Struct,
  vectorFromArray,
  type FixedSizeList,
  type Data,
  type DataType,
  type Field,
  type Schema,
} from 'apache-arrow';
import type { Split } from '../../schemas/clip.ts';
import { MODALITIES } from '../../schemas/modality.ts';
import { SHARD_COLUMNS } from '../../schemas/shard.ts';
import type { BatchMemory, TakenPicture } from './batch-memory.ts';
import { DirectFile } from './direct-file.ts';
import { shardKernels } from './native.ts';

/** What a row is beside its features. */
export interface RowLine {
  readonly clipId: string;
  readonly label: number;
  readonly split: Split;
  readonly group?: string | undefined;
  readonly sourceSha256: string;
}

export interface WrittenFile {
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Hands out the writer's bytes as they arise; the library's own queue has no back pressure. */
class ByteTap extends RecordBatchFileWriter {
  #pending: Uint8Array[] = [];

  /** Column buffers are handed on as they are: their memory stays as it is until the batch is written. */
  protected override _write(chunk: ArrayBufferView): this {
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (bytes.byteLength > 0) this.#pending.push(bytes);
    this._position += bytes.byteLength;
    return this;
  }

  take(): Uint8Array[] {
    const chunks = this.#pending;
    this.#pending = [];
    return chunks;
  }
}

/** What a processor's cache still holds when it is hashed and then written. */
const PIECE_BYTES = 2 ** 20;

/**
 * `apart`: the system copies the bytes while this thread goes on; for a thread that others wait for.
 * `piecewise`: this thread itself writes each piece right after it is hashed, which costs less processor time.
 * `direct`: past the system's cache where that is possible, which costs the least; for files that nobody reads soon.
 */
export type WritingMode = 'apart' | 'piecewise' | 'direct';

export class BatchWriter {
  readonly #schema: Schema;
  readonly #file: FileHandle;
  readonly #mode: WritingMode;
  readonly #direct: DirectFile | undefined;
  readonly #tap = new ByteTap({ autoDestroy: false });
  readonly #hash = createHash('sha256');
  #rows = 0;
  #bytes = 0;
  /** What the system was told to bring to the disk, up to here. */
  #writtenBack = 0;
  #writingBack: Promise<void> | undefined;

  private constructor(schema: Schema, file: FileHandle, mode: WritingMode) {
    this.#schema = schema;
    this.#file = file;
    this.#mode = mode;
    this.#direct = mode === 'direct' ? DirectFile.over(file) : undefined;
  }

  /** @param path a local file that does not exist yet */
  static async create(path: string, schema: Schema, mode: WritingMode = 'apart'): Promise<BatchWriter> {
    return new BatchWriter(schema, await open(path, 'wx'), mode);
  }

  /**
   * One call at a time.
   * @param memory the features of `lines`
   * @returns `memory`, which may now be used again
   */
  async write(lines: readonly RowLine[], memory: BatchMemory): Promise<BatchMemory> {
    const children = this.#schema.fields.map((field) => columnData(field, lines, memory));
    const data = makeData({ type: new Struct(this.#schema.fields), length: lines.length, children });
    this.#tap.write(new RecordBatch(this.#schema, data));
    this.#rows += lines.length;
    await this.#write(this.#tap.take());
    return memory;
  }

  /** Returns when what is written so far is safely on the disk. */
  async sync(): Promise<void> {
    await this.#file.datasync();
  }

  /** The file's bytes are with the system, not yet safely on the disk: `Store.putFile` sees to that. */
  async finish(): Promise<WrittenFile> {
    this.#tap.finish();
    await this.#write(this.#tap.take());
    await this.#direct?.finish();
    await this.#close();
    return { rows: this.#rows, bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Closes the file; for one that will not be finished. */
  async abandon(): Promise<void> {
    await this.#close();
  }

  async #close(): Promise<void> {
    await this.#direct?.close();
    await this.#writingBack;
    await this.#file.close();
  }

  /** So that the last synchronisation is short. One at a time: the next takes all that was written meanwhile. */
  #writeBackSoon(): void {
    const first = this.#writtenBack;
    if (this.#writingBack !== undefined || first === this.#bytes) return;
    this.#writtenBack = this.#bytes;
    this.#writingBack = shardKernels()
      ?.startWriteback(this.#file.fd, first, this.#bytes - first)
      .then(() => {
        this.#writingBack = undefined;
      });
  }

  async #write(chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#direct !== undefined) {
      for (const chunk of chunks) await this.#writeDirectly(chunk, this.#direct);
      return;
    }
    if (this.#mode !== 'apart') {
      for (const piece of piecesOf(chunks)) this.#writePiece(piece);
      this.#writeBackSoon();
      return;
    }
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#bytes += length;
    let left = [...chunks];
    const writing = this.#file.writev(left);
    for (const chunk of chunks) this.#hash.update(chunk);
    let { bytesWritten } = await writing;
    for (let missing = length - bytesWritten; missing > 0; missing -= bytesWritten) {
      left = withoutFirst(left, bytesWritten);
      ({ bytesWritten } = await this.#file.writev(left));
    }
  }

  async #writeDirectly(chunk: Uint8Array, file: DirectFile): Promise<void> {
    this.#bytes += chunk.length;
    await file.write(chunk, (piece) => this.#hash.update(piece));
  }

  #writePiece(chunks: readonly Uint8Array[]): void {
    let left = chunks;
    let length = 0;
    for (const chunk of chunks) {
      this.#hash.update(chunk);
      length += chunk.length;
    }
    for (let missing = length; missing > 0;) {
      const written = writevSync(this.#file.fd, left);
      missing -= written;
      if (missing > 0) left = withoutFirst(left, written);
    }
    this.#bytes += length;
  }
}

/** The same bytes in order, as groups that hold `PIECE_BYTES` together at most. */
function* piecesOf(chunks: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let piece: Uint8Array[] = [];
  let room = PIECE_BYTES;
  for (const chunk of chunks) {
    for (let start = 0; start < chunk.length;) {
      const part = chunk.subarray(start, start + room);
      piece.push(part);
      start += part.length;
      room -= part.length;
      if (room > 0) continue;
      yield piece;
      piece = [];
      room = PIECE_BYTES;
    }
  }
  if (piece.length > 0) yield piece;
}

/** A write may be cut short, for one by a signal. */
function withoutFirst(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  return chunks.flatMap((chunk) => {
    const skipped = Math.min(skip, chunk.length);
    skip -= skipped;
    return skipped === chunk.length ? [] : [chunk.subarray(skipped)];
  });
}

function columnData(field: Field, rows: readonly RowLine[], memory: BatchMemory): Data {
  switch (field.name) {
    case SHARD_COLUMNS.clipId:
      return textData(field, rows, (row) => row.clipId);
    case SHARD_COLUMNS.split:
      return textData(field, rows, (row) => row.split);
    case SHARD_COLUMNS.group:
      return textData(field, rows, (row) => row.group);
    case SHARD_COLUMNS.sourceSha256:
      return textData(field, rows, (row) => row.sourceSha256);
    case SHARD_COLUMNS.label:
      return plainData(
        field,
        Int32Array.from(rows, ({ label }) => label),
      );
    case SHARD_COLUMNS.missing:
      return plainData(field, Uint8Array.from(memory.missing));
    case SHARD_COLUMNS.audio:
      return fixedListData(field, memory.hasAudio, memory.audioValues());
    default: {
      const modality = MODALITIES.find((name) => name !== 'audio' && field.name.startsWith(name));
      const name = modality === 'rgb' ? 'rgb' : 'flow';
      const pictures = memory.pictures(name);
      if (field.name === modality) return pictureData(field, pictures, memory.pictureBytes(name));
      const flat = new Int32Array(4 * pictures.length);
      pictures.forEach((picture, i) => {
        if (picture !== undefined) flat.set(picture.shape, 4 * i);
      });
      return fixedListData(
        field,
        pictures.map((picture) => picture !== undefined),
        flat,
      );
    }
  }
}

function textData(field: Field, rows: readonly RowLine[], get: (row: RowLine) => string | undefined): Data {
  const data = vectorFromArray(
    rows.map((row) => get(row) ?? null),
    field.type as DataType,
  ).data[0];
  if (data === undefined) throw new Error(`the column ${field.name} has no data`);
  return data;
}

function plainData(field: Field, values: Int32Array | Uint8Array): Data {
  return makeData({
    type: field.type as DataType,
    length: values.length,
    nullCount: 0,
    data: values,
  } as never) as Data;
}

/** @param values of all rows; absent ones are zeros under a null bit */
function fixedListData(
  field: Field,
  present: readonly boolean[],
  values: Float32Array | Uint16Array | Int32Array,
): Data {
  const item = (field.type as FixedSizeList).children[0];
  if (item === undefined) throw new Error(`the column ${field.name} has no item type`);
  const child = makeData({
    type: item.type as DataType,
    length: values.length,
    nullCount: 0,
    data: values,
  } as never);
  return makeData({
    type: field.type as DataType,
    length: present.length,
    ...nulls(present),
    child,
  } as never) as Data;
}

function pictureData(field: Field, pictures: readonly (TakenPicture | undefined)[], data: Uint8Array): Data {
  const valueOffsets = new Int32Array(pictures.length + 1);
  pictures.forEach((picture, i) => {
    valueOffsets[i + 1] = (valueOffsets[i] ?? 0) + (picture?.bytes ?? 0);
  });
  return makeData({
    type: field.type as DataType,
    length: pictures.length,
    ...nulls(pictures.map((picture) => picture !== undefined)),
    valueOffsets,
    data,
  } as never) as Data;
}

function nulls(present: readonly boolean[]): { nullCount: number; nullBitmap: Uint8Array } {
  const nullBitmap = new Uint8Array(Math.ceil(present.length / 64) * 8);
  let nullCount = 0;
  present.forEach((isThere, i) => {
    if (!isThere) nullCount += 1;
    else nullBitmap[i >> 3] = (nullBitmap[i >> 3] ?? 0) | (1 << (i & 7));
  });
  return { nullCount, nullBitmap };
}
