/** Writes one shard as an Arrow IPC file, a few rows in memory at a time; the same rows give the same bytes. */
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
import { ModalmixError } from '../../schemas/errors.ts';
import { MODALITIES } from '../../schemas/modality.ts';
import { missingBits, SHARD_COLUMNS } from '../../schemas/shard.ts';
import type { AudioFeature, PictureFeature } from '../extraction/extractor.ts';
import { encodeHalves } from './float16.ts';

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

  protected override _write(chunk: ArrayBufferView): this {
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#pending.push(bytes.slice());
    this._position += bytes.byteLength;
    return this;
  }

  take(): Buffer {
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    return bytes;
  }
}

export class ShardWriter {
  readonly #schema: Schema;
  readonly #file: FileHandle;
  readonly #tap = new ByteTap({ autoDestroy: false });
  readonly #hash = createHash('sha256');
  #batch: WritableRow[] = [];
  #batchBytes = 0;
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

  async append(row: WritableRow): Promise<void> {
    this.#batch.push(row);
    this.#batchBytes +=
      (row.audio?.data.byteLength ?? 0) + (row.rgb?.data.byteLength ?? 0) + (row.flow?.data.byteLength ?? 0);
    if (this.#batchBytes >= BATCH_BYTES) await this.#flush();
  }

  async finish(): Promise<WrittenFile> {
    await this.#flush();
    this.#tap.finish();
    await this.#drain();
    await this.#file.close();
    return { rows: this.#rows, bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Closes the file; for a shard that will not be finished. */
  async abandon(): Promise<void> {
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    if (this.#batch.length === 0) return;
    const children = this.#schema.fields.map((field) => columnData(field, this.#batch));
    const data = makeData({ type: new Struct(this.#schema.fields), length: this.#batch.length, children });
    this.#tap.write(new RecordBatch(this.#schema, data));
    this.#rows += this.#batch.length;
    this.#batch = [];
    this.#batchBytes = 0;
    await this.#drain();
  }

  async #drain(): Promise<void> {
    const bytes = this.#tap.take();
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    await this.#file.writeFile(bytes);
  }
}

function columnData(field: Field, rows: readonly WritableRow[]): Data {
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
      return plainData(
        field,
        Uint8Array.from(rows, (row) => missingBits((name) => row[name] === undefined)),
      );
    case SHARD_COLUMNS.audio:
      return audioData(field, rows);
    default: {
      const modality = MODALITIES.find((name) => name !== 'audio' && field.name.startsWith(name));
      const pictures = rows.map((row) => (modality === 'rgb' ? row.rgb : row.flow));
      return field.name === modality
        ? pictureData(field, pictures)
        : fixedListData(
            field,
            4,
            pictures.map((picture) => (picture === undefined ? undefined : Int32Array.from(picture.shape))),
            (length) => new Int32Array(length),
          );
    }
  }
}

function textData(
  field: Field,
  rows: readonly WritableRow[],
  get: (row: WritableRow) => string | undefined,
): Data {
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

function audioData(field: Field, rows: readonly WritableRow[]): Data {
  const list = field.type as FixedSizeList;
  const half = String(list.children[0]?.type) === 'Float16';
  const values = rows.map(({ audio }) => {
    if (audio === undefined) return undefined;
    return half ? encodeHalves(audio.data) : audio.data;
  });
  return fixedListData(field, list.listSize, values, (length) =>
    half ? new Uint16Array(length) : new Float32Array(length),
  );
}

type FixedArray = Float32Array | Uint16Array | Int32Array;

/** Absent rows are zeros under a null bit. */
function fixedListData(
  field: Field,
  size: number,
  values: readonly (FixedArray | undefined)[],
  allocate: (length: number) => FixedArray,
): Data {
  const flat = allocate(size * values.length);
  values.forEach((value, i) => {
    if (value === undefined) return;
    if (value.length !== size) {
      throw new ModalmixError(
        'internal',
        `a row has ${String(value.length)} values where the schema has ${String(size)}`,
        { where: field.name },
      );
    }
    flat.set(value, i * size);
  });
  const item = (field.type as FixedSizeList).children[0];
  if (item === undefined) throw new Error(`the column ${field.name} has no item type`);
  const child = makeData({
    type: item.type as DataType,
    length: flat.length,
    nullCount: 0,
    data: flat,
  } as never);
  return makeData({
    type: field.type as DataType,
    length: values.length,
    ...nulls(values),
    child,
  } as never) as Data;
}

function pictureData(field: Field, pictures: readonly (PictureFeature | undefined)[]): Data {
  const valueOffsets = new Int32Array(pictures.length + 1);
  pictures.forEach((picture, i) => {
    valueOffsets[i + 1] = (valueOffsets[i] ?? 0) + (picture?.data.length ?? 0);
  });
  const data = new Uint8Array(valueOffsets.at(-1) ?? 0);
  pictures.forEach((picture, i) => {
    if (picture !== undefined) data.set(picture.data, valueOffsets[i]);
  });
  return makeData({
    type: field.type as DataType,
    length: pictures.length,
    ...nulls(pictures),
    valueOffsets,
    data,
  } as never) as Data;
}

function nulls(values: readonly unknown[]): { nullCount: number; nullBitmap: Uint8Array } {
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 64) * 8);
  let nullCount = 0;
  values.forEach((value, i) => {
    if (value === undefined) nullCount += 1;
    else nullBitmap[i >> 3] = (nullBitmap[i >> 3] ?? 0) | (1 << (i & 7));
  });
  return { nullCount, nullBitmap };
}
