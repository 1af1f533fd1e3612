/** Features of a split as an Arrow file: `clip_id, label, predicted, z_<modality>…, z_fused`. */
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  Field,
  FixedSizeList,
  Float32,
  Int32,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  Utf8,
  makeData,
  vectorFromArray,
} from 'apache-arrow';
import type { Modality } from '../../schemas/modality.ts';
import type { Store } from '../store/store.ts';

export interface FeatureRows {
  readonly clipIds: readonly string[];
  /** [B] */
  readonly labels: Int32Array;
  readonly predicted: Int32Array;
  readonly spaces: readonly FeatureSpace[];
}

export interface FeatureSpace {
  readonly name: Modality | 'fused';
  /** [B × size], row-major. */
  readonly values: Float32Array;
  readonly size: number;
  /** 1 where the row has the feature, else it is null; absent: everywhere. */
  readonly present?: Uint8Array;
}

export const featureColumn = (space: Modality | 'fused'): string => `z_${space}`;

/** Writes the batches as they come, one record batch each; the file appears in the store when complete. */
export async function writeFeatures(
  store: Store,
  path: string,
  batches: AsyncIterable<FeatureRows>,
): Promise<void> {
  const scratch = await store.scratchFolder();
  try {
    const file = join(scratch, 'features.arrow');
    const writer = new RecordBatchFileWriter();
    const written = pipeline(Readable.from(writer), createWriteStream(file));
    // Heard below; a full disk must not end the process while batches are still being computed.
    written.catch(() => undefined);
    try {
      for await (const rows of batches) writer.write(recordBatch(rows));
      writer.close();
    } catch (error) {
      writer.abort(error);
      await written.catch(() => undefined);
      throw error;
    }
    await written;
    await store.putFile(path, file);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function recordBatch({ clipIds, labels, predicted, spaces }: FeatureRows): RecordBatch {
  const length = clipIds.length;
  const columns = [
    { field: new Field('clip_id', new Utf8(), false), data: vectorFromArray(clipIds, new Utf8()).data[0] },
    {
      field: new Field('label', new Int32(), false),
      data: makeData({ type: new Int32(), length, data: labels }),
    },
    {
      field: new Field('predicted', new Int32(), false),
      data: makeData({ type: new Int32(), length, data: predicted }),
    },
    ...spaces.map(({ name, values, size, present }) => {
      const type = new FixedSizeList(size, new Field('item', new Float32(), false));
      const child = makeData({ type: new Float32(), length: values.length, data: values });
      return {
        field: new Field(featureColumn(name), type, present !== undefined),
        data: makeData({
          type,
          length,
          child,
          ...(present === undefined ? {} : nulls(present)),
        }),
      };
    }),
  ];
  const schema = new Schema(columns.map(({ field }) => field));
  const children = columns.flatMap(({ data }) => (data === undefined ? [] : [data]));
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, children }));
}

/** Arrow's validity bitmap: bit i of byte ⌊i / 8⌋, least significant first. */
function nulls(present: Uint8Array): { nullBitmap: Uint8Array; nullCount: number } {
  const nullBitmap = new Uint8Array(Math.ceil(present.length / 8));
  let nullCount = 0;
  present.forEach((bit, i) => {
    if (bit === 0) nullCount += 1;
    else nullBitmap[i >> 3] = (nullBitmap[i >> 3] ?? 0) | (1 << (i & 7));
  });
  return { nullBitmap, nullCount };
}
