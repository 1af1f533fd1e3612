/** The Arrow columns of a batch of rows: views of its memory, nothing is copied. */
import {
  makeData,
  vectorFromArray,
  type FixedSizeList,
  type Data,
  type DataType,
  type Field,
} from 'apache-arrow';
import type { Split } from '../../../../schemas/clip.ts';
import { MEDIA_MODALITIES } from '../../../../schemas/modality.ts';
import { SHARD_COLUMNS } from '../../../../schemas/shard.ts';
import type { BatchMemory, TakenPicture } from './batch-memory.ts';

/** What a row is beside its features. */
export interface RowLine {
  readonly clipId: string;
  readonly label: number;
  readonly split: Split;
  readonly group?: string | undefined;
  readonly sourceSha256: string;
}

export function columnData(field: Field, rows: readonly RowLine[], memory: BatchMemory): Data {
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
      const vectors = memory.vectors(field.name);
      if (vectors !== undefined) return fixedListData(field, vectors.present, vectors.values);
      const modality = MEDIA_MODALITIES.find((name) => name !== 'audio' && field.name.startsWith(name));
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
