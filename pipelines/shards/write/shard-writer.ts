/**
 * Writes one shard as an Arrow IPC file, a few rows in memory at a time; the same rows give the same bytes.
 * A row's features are copied once, into memory that is used again and again; while one batch is on its way
 * to the disk the next is filled.
 */
import type { Schema } from 'apache-arrow';
import type { FeatureModality } from '../../../schemas/modality-names.ts';
import type { AudioFeature, PictureFeature, VectorFeature } from '../../extraction/extractor.ts';
import { BatchMemory } from './batches/batch-memory.ts';
import type { RowLine } from './batches/batch-columns.ts';
import { BatchWriter, type WritingMode, type WrittenFile } from './batches/batch-writer.ts';

export type { WrittenFile } from './batches/batch-writer.ts';

/** A batch is written when its rows hold this much. */
export const BATCH_BYTES = 16 * 2 ** 20;

export interface WritableRow extends RowLine {
  readonly audio?: AudioFeature;
  readonly rgb?: PictureFeature;
  readonly flow?: PictureFeature;
  readonly [features: FeatureModality]: VectorFeature;
}

/** Where batches go, one at a time. */
export interface BatchFile<Finished> {
  /** @returns the batch's memory, to be used again */
  write(lines: readonly RowLine[], memory: BatchMemory): Promise<BatchMemory>;
  finish(): Promise<Finished>;
  /** Closes the file; for one that will not be finished. */
  abandon(): Promise<void>;
}

export class ShardWriter<Finished = WrittenFile> {
  readonly #schema: Schema;
  readonly #file: BatchFile<Finished>;
  #lines: RowLine[] = [];
  #memory: BatchMemory | undefined;
  /** The batch that is on its way; a failure shows at the next flush. */
  #writing: Promise<void> = Promise.resolve();

  constructor(schema: Schema, file: BatchFile<Finished>) {
    this.#schema = schema;
    this.#file = file;
  }

  /** @param path a local file that does not exist yet */
  static async create(path: string, schema: Schema, mode?: WritingMode): Promise<ShardWriter> {
    return new ShardWriter(schema, await BatchWriter.create(path, schema, mode));
  }

  /** The features may be changed afterwards: they were copied. */
  async append(row: WritableRow): Promise<void> {
    const { audio, rgb, flow, clipId, label, split, group, sourceSha256, ...features } = row;
    const line: RowLine = { clipId, label, split, group, sourceSha256 };
    this.#memory ??= BatchMemory.lend(this.#schema);
    this.#memory.add({ audio, rgb, flow, ...features });
    this.#lines.push(line);
    if (this.#memory.bytes >= BATCH_BYTES) await this.#flush();
  }

  /** The file's bytes are with the system, not yet safely on the disk: `Store.putFile` sees to that. */
  async finish(): Promise<Finished> {
    await this.#flush();
    await this.#writing;
    return await this.#file.finish();
  }

  /** Closes the file; for a shard that will not be finished. */
  async abandon(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#file.abandon();
  }

  async #flush(): Promise<void> {
    const memory = this.#memory;
    if (memory === undefined) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#memory = undefined;
    await this.#writing;
    this.#writing = this.#file.write(lines, memory).then((used) => {
      used.giveBack();
    });
    // Whoever appends next, or finishes, is told.
    this.#writing.catch(() => undefined);
  }
}
