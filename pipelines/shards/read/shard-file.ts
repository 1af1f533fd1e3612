/** One shard file, opened for random access: its hash is checked, and where each row's bytes lie is noted. */
import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { RecordBatchReader, type Data, type RecordBatch } from 'apache-arrow';
import { z } from 'zod';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { ShardEntry } from '../../../schemas/manifest.ts';
import { isFeatures, type Modality } from '../../../schemas/modality.ts';
import { SHARD_COLUMNS, shapeColumn } from '../../../schemas/shard.ts';
import { NewerVersionError, requireKnown } from '../../../schemas/versions.ts';
import type { Store } from '../../store/store.ts';
import { arrowFileProblem } from './arrow-bounds.ts';
import { RowReader, type FileRows, type ShardRow } from './row-reader.ts';

/** What is known of each row without its features. */
interface RowTable {
  readonly clipIds: string[];
  readonly labels: number[];
  readonly groups: (string | undefined)[];
  readonly missing: number[];
}

export class ShardFile {
  readonly table: RowTable;
  readonly places: FileRows;
  readonly #reader: RowReader;

  private constructor(table: RowTable, places: FileRows) {
    this.table = table;
    this.places = places;
    this.#reader = new RowReader([places]);
  }

  /**
   * @param modalities that will be read
   * @throws ModalmixError `input` when the file is gone, or is not the one that the entry describes
   */
  static async open(store: Store, entry: ShardEntry, modalities: readonly Modality[]): Promise<ShardFile> {
    const file = await store.localFile(entry.path);
    const bytes = new Uint8Array(await readFile(file));
    const found = createHash('sha256').update(bytes).digest('hex');
    if (found !== entry.sha256) {
      throw new ModalmixError(
        'input',
        `the shard is damaged: its sha256 should be ${entry.sha256} and is ${found}`,
        { where: file, fix: 'Delete this file and run the rebuild again: it is then made anew.' },
      );
    }
    const { table, ...places } = readTable(bytes, file, modalities);
    return new ShardFile(table, { file, descriptor: openSync(file, 'r'), ...places });
  }

  get rows(): number {
    return this.places.rows;
  }

  /** The values are in memory of their own. */
  read(row: number): ShardRow {
    return this.#reader.read(row);
  }

  close(): void {
    closeSync(this.places.descriptor);
  }
}

/** As a column's metadata has it. */
const shapeSchema = z.array(z.int().positive()).min(1).max(4);

interface GrowingExtents {
  readonly offsets: number[];
  readonly shapes: number[];
  readonly rank: number;
}

function readTable(
  bytes: Uint8Array,
  file: string,
  modalities: readonly Modality[],
): { table: RowTable } & Pick<FileRows, 'rows' | 'halfPrecision' | 'extents'> {
  const table: RowTable = { clipIds: [], labels: [], groups: [], missing: [] };
  const extents = new Map<Modality, GrowingExtents>();
  let halfPrecision = false;
  try {
    const problem = arrowFileProblem(bytes);
    if (problem !== undefined) throw new Error(problem);
    const reader = RecordBatchReader.from(bytes).open();
    requireKnown('shard', Number(reader.schema.metadata.get('modalmix.format_version') ?? 1), file);
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
      halfPrecision ||= String(field?.type).includes('Float16');
      for (const modality of modalities) {
        const found =
          modality === 'audio' || isFeatures(modality)
            ? listExtents(batch, modality, bytes)
            : pictureExtents(batch, modality, bytes);
        if (found === undefined) continue;
        checkPlaces(found, modality, bytes.length);
        const known = extents.get(modality);
        if (known === undefined) extents.set(modality, found);
        else {
          for (const offset of found.offsets) known.offsets.push(offset);
          for (const size of found.shapes) known.shapes.push(size);
        }
      }
    }
  } catch (error) {
    if (error instanceof NewerVersionError) throw error;
    throw new ModalmixError('input', 'the file is not a shard', { where: file, cause: error });
  }
  const packed = [...extents].map(
    ([modality, { offsets, shapes, rank }]) =>
      [modality, { offsets: Float64Array.from(offsets), shapes: Int32Array.from(shapes), rank }] as const,
  );
  return { table, rows: table.labels.length, halfPrecision, extents: Object.fromEntries(packed) };
}

/** Each row's values are within the file, each value a byte at least. */
function checkPlaces({ offsets, shapes, rank }: GrowingExtents, modality: Modality, fileBytes: number): void {
  for (const [row, offset] of offsets.entries()) {
    if (offset < 0) continue;
    const shape = shapes.slice(rank * row, rank * (row + 1));
    const size = shape.reduce((product, axis) => product * axis, 1);
    const isSize = shape.length === rank && shape.every((axis) => Number.isInteger(axis) && axis >= 0);
    if (isSize && offset + size <= fileBytes) continue;
    throw new Error(`${modality} of row ${String(row)} is ${shape.join(' × ')} from byte ${String(offset)}`);
  }
}

function dataOf(batch: RecordBatch, name: string): Data | undefined {
  return batch.getChild(name)?.data[0];
}

/** Of a column whose rows all have the shape that its metadata says. */
function listExtents(batch: RecordBatch, column: string, bytes: Uint8Array): GrowingExtents | undefined {
  const declared = batch.schema.fields.find(({ name }) => name === column)?.metadata.get('shape');
  const data = dataOf(batch, column);
  const values = data?.children[0]?.values as Float32Array | Uint16Array | undefined;
  if (data === undefined || values === undefined || declared === undefined) return undefined;
  const shape = shapeSchema.parse(JSON.parse(declared));
  // Not from the values' own length: the buffer is padded to whole words.
  const length = shape.reduce((product, size) => product * size, values.BYTES_PER_ELEMENT);
  const first = values.byteOffset - bytes.byteOffset;
  const rows = Array.from({ length: batch.numRows }, (_, i) => i);
  return {
    offsets: rows.map((i) => (data.getValid(i) ? first + i * length : -1)),
    shapes: rows.flatMap(() => shape),
    rank: shape.length,
  };
}

function pictureExtents(
  batch: RecordBatch,
  modality: 'rgb' | 'flow',
  bytes: Uint8Array,
): GrowingExtents | undefined {
  const data = dataOf(batch, modality);
  const sizes = dataOf(batch, shapeColumn(modality))?.children[0]?.values as Int32Array | undefined;
  if (data === undefined || sizes === undefined) return undefined;
  const values = data.values as Uint8Array;
  const ends = data.valueOffsets as Int32Array;
  const rank = 4;
  const offsets: number[] = [];
  const shapes: number[] = [];
  for (let i = 0; i < batch.numRows; i += 1) {
    const shape = sizes.subarray(rank * i, rank * (i + 1));
    const isThere = data.getValid(i);
    const length = (ends[i + 1] ?? 0) - (ends[i] ?? 0);
    if (isThere && shape.reduce((product, size) => product * size, 1) !== length) {
      throw new Error(`${modality} of row ${String(i)} has ${String(length)} bytes for ${shape.join(' × ')}`);
    }
    offsets.push(isThere ? values.byteOffset - bytes.byteOffset + (ends[i] ?? 0) : -1);
    shapes.push(...shape);
  }
  return { offsets, shapes, rank };
}
