/**
 * The features of the rows of one batch, column by column as Arrow lays them out. Memory is lent again once
 * its batch is written: asking the system for fresh pages costs several times as much as the copy itself.
 */
import type { FixedSizeList, Schema } from 'apache-arrow';
import { ModalmixError } from '../../../../schemas/errors.ts';
import { isFeatures, type FeatureModality } from '../../../../schemas/modality-names.ts';
import { missingBits, SHARD_COLUMNS } from '../../../../schemas/shard.ts';
import type { AudioFeature, PictureFeature, VectorFeature } from '../../../extraction/extractor.ts';
import { decodeHalves, encodeHalves } from '../../native/float16.ts';
import { shardKernels } from '../../native/kernels.ts';

type PictureModality = 'rgb' | 'flow';

export interface RowFeatures {
  readonly audio: AudioFeature | undefined;
  readonly rgb: PictureFeature | undefined;
  readonly flow: PictureFeature | undefined;
  readonly [features: FeatureModality]: VectorFeature | undefined;
}

/** A picture whose bytes were copied. */
export interface TakenPicture {
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** A row's values, flat, as a reader of the shard will get them; absent: missing. */
export interface StoredRow {
  readonly audio?: { readonly data: Float32Array };
  readonly rgb?: { readonly data: Uint8Array };
  readonly flow?: { readonly data: Uint8Array };
  readonly [features: FeatureModality]: Pick<VectorFeature, 'data' | 'shape'>;
}

/** A set of features in a batch. */
interface VectorColumn {
  readonly modality: FeatureModality;
  /** [F, D] of each row. */
  readonly shape: readonly [number, number];
  readonly present: boolean[];
}

/** A batch on its way to another thread. The memories are shared, not copied: one side at a time uses them. */
export interface BatchContent {
  readonly memories: { readonly bytes: Uint8Array<SharedArrayBuffer>; readonly length: number }[];
  readonly shapes: Record<PictureModality, (TakenPicture | undefined)[]>;
  readonly hasAudio: boolean[];
  readonly missing: number[];
  /** Their memories come after those of audio, rgb and flow. */
  readonly vectors: readonly VectorColumn[];
  readonly audioSize: number;
  readonly isHalf: boolean;
  readonly bytes: number;
}

/** More than these are left to the garbage collector: train, validation and test, two batches each. */
const MOST_SPARE = 6;
const spare: BatchMemory[] = [];

export class BatchMemory {
  readonly #audio = new GrowingBytes();
  readonly #pictures = { rgb: new GrowingBytes(), flow: new GrowingBytes() };
  readonly #media = [this.#audio, this.#pictures.rgb, this.#pictures.flow];
  #vectors: { readonly column: VectorColumn; readonly memory: GrowingBytes }[] = [];
  #shapes: Record<PictureModality, (TakenPicture | undefined)[]> = { rgb: [], flow: [] };
  #hasAudio: boolean[] = [];
  #missing: number[] = [];
  /** Values a row; 0: the schema has no audio. */
  #audioSize = 0;
  #isHalf = false;
  #bytes = 0;

  /** Empty memory for a batch of `schema`. */
  static lend(schema: Schema): BatchMemory {
    const memory = spare.pop() ?? new BatchMemory();
    const list = schema.fields.find(({ name }) => name === (SHARD_COLUMNS.audio as string))?.type as
      FixedSizeList | undefined;
    memory.#audioSize = list?.listSize ?? 0;
    memory.#isHalf = String(list?.children[0]?.type) === 'Float16';
    memory.#vectors = vectorColumns(schema).map((column) => ({ column, memory: new GrowingBytes() }));
    return memory;
  }

  /** What `release` gave, on whichever side it arrived. */
  static of(content: BatchContent): BatchMemory {
    const memory = new BatchMemory();
    memory.#vectors = content.vectors.map((column) => ({ column, memory: new GrowingBytes() }));
    const all = memory.#all();
    for (const [i, { bytes, length }] of content.memories.entries()) all[i]?.adopt(bytes, length);
    memory.#shapes = content.shapes;
    memory.#hasAudio = content.hasAudio;
    memory.#missing = content.missing;
    memory.#audioSize = content.audioSize;
    memory.#isHalf = content.isHalf;
    memory.#bytes = content.bytes;
    return memory;
  }

  /** Its content; the batch itself may not be used any more. */
  release(): BatchContent {
    return {
      memories: this.#all().map((memory) => memory.release()),
      vectors: this.#vectors.map(({ column }) => column),
      ...{ shapes: this.#shapes, hasAudio: this.#hasAudio, missing: this.#missing, bytes: this.#bytes },
      ...{ audioSize: this.#audioSize, isHalf: this.#isHalf },
    };
  }

  /** Whoever had it may not look at its columns any more. */
  giveBack(): void {
    for (const bytes of this.#media) bytes.clear();
    this.#vectors = [];
    this.#shapes = { rgb: [], flow: [] };
    this.#hasAudio = [];
    this.#missing = [];
    this.#bytes = 0;
    if (spare.length < MOST_SPARE) spare.push(this);
  }

  /** Of the rows' features as they were given. */
  get bytes(): number {
    return this.#bytes;
  }

  /** One a row: the `missing` bit field. */
  get missing(): readonly number[] {
    return this.#missing;
  }

  get hasAudio(): readonly boolean[] {
    return this.#hasAudio;
  }

  add(row: RowFeatures): void {
    this.#addAudio(row.audio);
    this.#addPicture('rgb', row.rgb);
    this.#addPicture('flow', row.flow);
    this.#bytes +=
      (row.audio?.data.byteLength ?? 0) + (row.rgb?.data.byteLength ?? 0) + (row.flow?.data.byteLength ?? 0);
    for (const { column, memory } of this.#vectors) {
      const vectors = row[column.modality];
      this.#bytes += addVectors(column, memory, vectors);
    }
    const features = this.#vectors.map(({ column }) => column.modality);
    this.#missing.push(missingBits((name) => row[name] === undefined, features));
  }

  /** [rows × values of one]. */
  audioValues(): Float32Array | Uint16Array {
    const { buffer, byteOffset, byteLength } = this.#audio.all();
    return this.#isHalf
      ? new Uint16Array(buffer, byteOffset, byteLength / Uint16Array.BYTES_PER_ELEMENT)
      : new Float32Array(buffer, byteOffset, byteLength / Float32Array.BYTES_PER_ELEMENT);
  }

  /** Of a set of features: which rows have it, and [rows × F × D]. */
  vectors(name: string): { readonly present: readonly boolean[]; readonly values: Float32Array } | undefined {
    const found = this.#vectors.find(({ column }) => column.modality === name);
    return found && { present: found.column.present, values: floatsOf(found.memory) };
  }

  pictures(modality: PictureModality): readonly (TakenPicture | undefined)[] {
    return this.#shapes[modality];
  }

  pictureBytes(modality: PictureModality): Uint8Array {
    return this.#pictures[modality].all();
  }

  /** In order; the values are views of this memory, or decoded from it. */
  *rows(): Generator<StoredRow> {
    const next = { rgb: 0, flow: 0 };
    const pictureOf = (modality: PictureModality, row: number) => {
      const picture = this.#shapes[modality][row];
      if (picture === undefined) return {};
      const first = next[modality];
      next[modality] += picture.bytes;
      return { [modality]: { data: this.pictureBytes(modality).subarray(first, next[modality]) } };
    };
    for (const [row, hasAudio] of this.#hasAudio.entries()) {
      yield {
        ...(hasAudio && this.#audioSize > 0 ? { audio: { data: this.#audioOf(row) } } : {}),
        ...pictureOf('rgb', row),
        ...pictureOf('flow', row),
        ...this.#vectorsOf(row),
      };
    }
  }

  #vectorsOf(row: number): StoredRow {
    const present = this.#vectors.filter(({ column }) => column.present[row] === true);
    return Object.fromEntries(
      present.map(({ column: { modality, shape }, memory }) => {
        const size = shape[0] * shape[1];
        return [modality, { data: floatsOf(memory).subarray(row * size, (row + 1) * size), shape }];
      }),
    );
  }

  #all(): GrowingBytes[] {
    return [...this.#media, ...this.#vectors.map(({ memory }) => memory)];
  }

  #audioOf(row: number): Float32Array {
    const values = this.audioValues().subarray(row * this.#audioSize, (row + 1) * this.#audioSize);
    return values instanceof Uint16Array ? decodeHalves(values) : values;
  }

  #addAudio(audio: AudioFeature | undefined): void {
    this.#hasAudio.push(audio !== undefined);
    if (this.#audioSize === 0) return;
    if (audio === undefined) {
      const width = this.#isHalf ? Uint16Array.BYTES_PER_ELEMENT : Float32Array.BYTES_PER_ELEMENT;
      this.#audio.addZeros(this.#audioSize * width);
      return;
    }
    if (audio.data.length !== this.#audioSize) {
      throw new ModalmixError(
        'internal',
        `a row has ${String(audio.data.length)} values where the schema has ${String(this.#audioSize)}`,
        { where: SHARD_COLUMNS.audio },
      );
    }
    const { buffer, byteOffset, byteLength } = this.#isHalf ? encodeHalves(audio.data) : audio.data;
    this.#audio.add(new Uint8Array(buffer, byteOffset, byteLength));
  }

  #addPicture(modality: PictureModality, picture: PictureFeature | undefined): void {
    if (picture === undefined) {
      this.#shapes[modality].push(undefined);
      return;
    }
    this.#shapes[modality].push({ shape: picture.shape, bytes: picture.data.length });
    this.#pictures[modality].add(picture.data);
  }
}

function vectorColumns(schema: Schema): VectorColumn[] {
  return schema.fields.flatMap(({ name, metadata }) =>
    isFeatures(name)
      ? [{ modality: name, shape: JSON.parse(metadata.get('shape') ?? '') as [number, number], present: [] }]
      : [],
  );
}

/** @returns bytes of the row's vectors as they were given */
function addVectors(
  { modality, shape, present }: VectorColumn,
  memory: GrowingBytes,
  vectors: VectorFeature | undefined,
): number {
  present.push(vectors !== undefined);
  const size = shape[0] * shape[1];
  if (vectors === undefined) {
    memory.addZeros(size * Float32Array.BYTES_PER_ELEMENT);
    return 0;
  }
  const { buffer, byteOffset, byteLength, length } = vectors.data;
  if (length !== size) {
    throw new ModalmixError(
      'internal',
      `a row has ${String(length)} values where the schema has ${String(size)}`,
      {
        where: modality,
      },
    );
  }
  memory.add(new Uint8Array(buffer, byteOffset, byteLength));
  return byteLength;
}

function floatsOf(memory: GrowingBytes): Float32Array {
  const { buffer, byteOffset, byteLength } = memory.all();
  return new Float32Array(buffer, byteOffset, byteLength / Float32Array.BYTES_PER_ELEMENT);
}

const FIRST_CAPACITY = 2 ** 20;

/**
 * Bytes one after another; the memory stays when they are cleared. It is shared memory because what is handed
 * from thread to thread otherwise counts as garbage each time, and has all of the heap collected every few batches.
 */
class GrowingBytes {
  #memory = new Uint8Array(new SharedArrayBuffer(0));
  #length = 0;

  adopt(bytes: Uint8Array<SharedArrayBuffer>, length: number): void {
    this.#memory = bytes;
    this.#length = length;
  }

  release(): { bytes: Uint8Array<SharedArrayBuffer>; length: number } {
    const released = { bytes: this.#memory, length: this.#length };
    this.adopt(new Uint8Array(new SharedArrayBuffer(0)), 0);
    return released;
  }

  add(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    const into = this.#memory.subarray(this.#length, this.#length + bytes.length);
    const kernels = shardKernels();
    if (kernels === undefined) into.set(bytes);
    else kernels.copy(bytes, into);
    this.#length += bytes.length;
  }

  addZeros(count: number): void {
    this.#reserve(count);
    this.#memory.fill(0, this.#length, this.#length + count);
    this.#length += count;
  }

  all(): Uint8Array<SharedArrayBuffer> {
    return this.#memory.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#memory.length) return;
    const capacity = Math.max(needed, 2 * this.#memory.length, FIRST_CAPACITY);
    const grown = new Uint8Array(new SharedArrayBuffer(capacity));
    grown.set(this.all());
    this.#memory = grown;
  }
}
