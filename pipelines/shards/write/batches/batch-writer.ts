/**
 * Writes batches of rows as one Arrow IPC file, and hashes it on the way; the same batches give the same bytes.
 */
import { createHash } from 'node:crypto';
import { writevSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { makeData, RecordBatch, RecordBatchFileWriter, Struct, type Schema } from 'apache-arrow';
import { columnData, type RowLine } from './batch-columns.ts';
import type { BatchMemory } from './batch-memory.ts';
import { DirectFile } from './direct-file.ts';
import { shardKernels } from '../../native/kernels.ts';

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
