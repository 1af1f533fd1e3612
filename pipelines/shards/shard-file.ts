/**
 * One shard file, opened for random access: its hash is checked, where each row's bytes lie is noted, and the
 * bytes are then either held or read from disk when a row is asked for.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { RecordBatchReader, type Data, type RecordBatch } from 'apache-arrow';
import { ModalmixError } from '../../schemas/errors.ts';
import type { ShardEntry } from '../../schemas/manifest.ts';
import type { Modality } from '../../schemas/modality.ts';
import { SHARD_COLUMNS, shapeColumn } from '../../schemas/shard.ts';
import type { AudioFeature, PictureFeature } from '../extraction/extractor.ts';
import type { Store } from '../store/store.ts';
import { decodeHalves } from './float16.ts';

/** Where a value's bytes lie in the file. */
interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly shape: readonly number[];
}

interface RowTable {
  readonly clipIds: string[];
  readonly labels: number[];
  readonly groups: (string | undefined)[];
  readonly missing: number[];
  readonly extents: Readonly<Record<Modality, (Extent | undefined)[]>>;
  readonly halfPrecision: boolean;
}

/** A row's features; one that is missing or was not asked for is absent. */
export interface ShardRow {
  readonly audio?: AudioFeature;
  readonly rgb?: PictureFeature;
  readonly flow?: PictureFeature;
}

export class ShardFile {
  readonly table: RowTable;
  readonly #held: Uint8Array | undefined;
  readonly #descriptor: number | undefined;

  private constructor(table: RowTable, held: Uint8Array | undefined, descriptor: number | undefined) {
    this.table = table;
    this.#held = held;
    this.#descriptor = descriptor;
  }

  /**
   * @param hold keep the file's bytes in memory, so that rows are views of them
   * @throws ModalmixError `input` when the file is gone, or is not the one that the entry describes
   */
  static async open(store: Store, entry: ShardEntry, hold: boolean): Promise<ShardFile> {
    const file = await store.localFile(entry.path);
    // Held bytes stand in an ArrayBuffer of their own, so that an 8-byte aligned offset in the file is one in memory.
    const bytes = new Uint8Array(await readFile(file));
    const found = createHash('sha256').update(bytes).digest('hex');
    if (found !== entry.sha256) {
      throw new ModalmixError(
        'input',
        `the shard is damaged: its sha256 should be ${entry.sha256} and is ${found}`,
        { where: file, fix: 'Delete this file and run the rebuild again: it is then made anew.' },
      );
    }
    const table = readTable(bytes, file);
    return new ShardFile(table, hold ? bytes : undefined, hold ? undefined : openSync(file, 'r'));
  }

  get rows(): number {
    return this.table.labels.length;
  }

  read(row: number, modalities: readonly Modality[]): ShardRow {
    const wanted = (modality: Modality) =>
      modalities.includes(modality) ? this.table.extents[modality][row] : undefined;
    const audio = wanted('audio');
    const rgb = wanted('rgb');
    const flow = wanted('flow');
    return {
      ...(audio === undefined ? {} : { audio: this.#audio(audio) }),
      ...(rgb === undefined ? {} : { rgb: this.#picture(rgb) }),
      ...(flow === undefined ? {} : { flow: this.#picture(flow) }),
    };
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }

  #bytes({ offset, length }: Extent): Uint8Array {
    if (this.#held !== undefined) return this.#held.subarray(offset, offset + length);
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const read = readSync(this.#descriptor ?? -1, bytes, done, length - done, offset + done);
      if (read === 0) throw new ModalmixError('input', 'a shard was cut short while it was being read');
      done += read;
    }
    return bytes;
  }

  #audio(extent: Extent): AudioFeature {
    const { buffer, byteOffset, byteLength } = this.#bytes(extent);
    const data = this.table.halfPrecision
      ? decodeHalves(new Uint16Array(buffer, byteOffset, byteLength / 2))
      : new Float32Array(buffer, byteOffset, byteLength / 4);
    return { data, shape: extent.shape as AudioFeature['shape'] };
  }

  #picture(extent: Extent): PictureFeature {
    return { data: this.#bytes(extent), shape: extent.shape as PictureFeature['shape'] };
  }
}

function readTable(bytes: Uint8Array, file: string): RowTable {
  const table: RowTable & { halfPrecision: boolean } = {
    clipIds: [],
    labels: [],
    groups: [],
    missing: [],
    extents: { audio: [], rgb: [], flow: [] },
    halfPrecision: false,
  };
  try {
    const reader = RecordBatchReader.from(bytes).open();
    for (const batch of reader) {
      const column = (name: string) => batch.getChild(name);
      for (let i = 0; i < batch.numRows; i += 1) {
        table.clipIds.push(String(column(SHARD_COLUMNS.clipId)?.get(i)));
        table.labels.push(Number(column(SHARD_COLUMNS.label)?.get(i)));
        const group: unknown = column(SHARD_COLUMNS.group)?.get(i);
        table.groups.push(typeof group === 'string' ? group : undefined);
        table.missing.push(Number(column(SHARD_COLUMNS.missing)?.get(i)));
      }
      const field = batch.schema.fields.find(({ name }) => name === SHARD_COLUMNS.audio);
      const shape = field?.metadata.get('shape');
      if (field !== undefined && shape !== undefined) {
        table.halfPrecision = String(field.type).includes('Float16');
        table.extents.audio.push(...audioExtents(batch, JSON.parse(shape) as number[], bytes));
      }
      table.extents.rgb.push(...pictureExtents(batch, 'rgb', bytes));
      table.extents.flow.push(...pictureExtents(batch, 'flow', bytes));
    }
  } catch (error) {
    throw new ModalmixError('input', 'the file is not a shard', { where: file, cause: error });
  }
  return table;
}

function dataOf(batch: RecordBatch, name: string): Data | undefined {
  return batch.getChild(name)?.data[0];
}

function audioExtents(batch: RecordBatch, shape: number[], bytes: Uint8Array): (Extent | undefined)[] {
  const data = dataOf(batch, SHARD_COLUMNS.audio);
  const values = data?.children[0]?.values as Float32Array | Uint16Array | undefined;
  if (data === undefined || values === undefined) return [];
  // Not from the values' own length: the buffer is padded to whole words.
  const length = shape.reduce((product, size) => product * size, values.BYTES_PER_ELEMENT);
  return Array.from({ length: batch.numRows }, (_, i) =>
    data.getValid(i)
      ? { offset: values.byteOffset - bytes.byteOffset + i * length, length, shape }
      : undefined,
  );
}

function pictureExtents(
  batch: RecordBatch,
  modality: 'rgb' | 'flow',
  bytes: Uint8Array,
): (Extent | undefined)[] {
  const data = dataOf(batch, modality);
  const shapes = dataOf(batch, shapeColumn(modality))?.children[0]?.values as Int32Array | undefined;
  if (data === undefined || shapes === undefined) return [];
  const values = data.values as Uint8Array;
  const offsets = data.valueOffsets as Int32Array;
  return Array.from({ length: batch.numRows }, (_, i) => {
    const first = offsets[i] ?? 0;
    return data.getValid(i)
      ? {
          offset: values.byteOffset - bytes.byteOffset + first,
          length: (offsets[i + 1] ?? 0) - first,
          shape: [...shapes.subarray(4 * i, 4 * i + 4)],
        }
      : undefined;
  });
}
