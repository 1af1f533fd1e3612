/**
 * Writes one shard as an Arrow IPC file, a few rows in memory at a time; the same rows give the same bytes.
 * A row's features are copied once, into memory that is used again and again; while one batch is on its way
 * to the disk the next is filled.
 */
import { createHash } from 'node:crypto';
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
import { MODALITIES, type Modality } from '../../schemas/modality.ts';
import { SHARD_COLUMNS } from '../../schemas/shard.ts';
import type { AudioFeature, PictureFeature } from '../extraction/extractor.ts';
import { BatchMemory, type TakenPicture } from './batch-memory.ts';

/** A batch is written when its rows hold this much. */
const BATCH_BYTES = 16 * 2 ** 20;

export interface WritableRow {
  readonly clipId: string;
  readonly label: number;
  readonly split: Split;
  readonly group?: string | undefined;
  readonly sourceSha256: string;
  readonly audio?: AudioFeature;
  readonly rgb?: PictureFeature;
  readonly flow?: PictureFeature;
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

/** What a row is beside its features. */
type RowLine = Omit<WritableRow, Modality>;

export class ShardWriter {
  readonly #schema: Schema;
  readonly #file: FileHandle;
  readonly #tap = new ByteTap({ autoDestroy: false });
  readonly #hash = createHash('sha256');
  #lines: RowLine[] = [];
  #memory: BatchMemory | undefined;
  /** The batch that is on its way; a failure shows at the next flush. */
  #writing: Promise<void> = Promise.resolve();
  #rows = 0;
  #bytes = 0;

  private constructor(schema: Schema, file: FileHandle) {
    this.#schema = schema;
    this.#file = file;
  }

  /** @param path a local file that does not exist yet */
  static async create(path: string, schema: Schema): Promise<ShardWriter> {
    return new ShardWriter(schema, await open(path, 'wx'));
  }

  /** The features may be changed afterwards: they were copied. */
  async append(row: WritableRow): Promise<void> {
    const { audio, rgb, flow, ...line } = row;
    this.#memory ??= BatchMemory.lend(this.#schema);
    this.#memory.add({ audio, rgb, flow });
    this.#lines.push(line);
    if (this.#memory.bytes >= BATCH_BYTES) await this.#flush();
  }

  /** The file's bytes are with the system, not yet safely on the disk: `Store.putFile` sees to that. */
  async finish(): Promise<WrittenFile> {
    await this.#flush();
    await this.#writing;
    this.#tap.finish();
    await this.#write(this.#tap.take());
    await this.#file.close();
    return { rows: this.#rows, bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Closes the file; for a shard that will not be finished. */
  async abandon(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    const memory = this.#memory;
    if (memory === undefined) return;
    const children = this.#schema.fields.map((field) => columnData(field, this.#lines, memory));
    const data = makeData({ type: new Struct(this.#schema.fields), length: this.#lines.length, children });
    this.#tap.write(new RecordBatch(this.#schema, data));
    this.#rows += this.#lines.length;
    this.#lines = [];
    this.#memory = undefined;
    const chunks = this.#tap.take();
    await this.#writing;
    this.#writing = this.#write(chunks).finally(() => {
      memory.giveBack();
    });
    // Whoever appends next, or finishes, is told.
    this.#writing.catch(() => undefined);
  }

  async #write(chunks: readonly Uint8Array[]): Promise<void> {
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
