/**
 * Writes a file past the system's cache of files: the disk reads it from memory that is used again and again. Through the cache
 * every page is asked for, filled and written back, which costs as much processor time as hashing, and on a
 * virtual machine, whose own memory may come from the host page by page, several times as much. Only the
 * file's end goes through the cache. For files that nobody reads soon.
 */
import type { FileHandle } from 'node:fs/promises';
import { codeOf } from '../../../store/file-errors.ts';
import { shardKernels, type ShardKernels } from '../../native/kernels.ts';

/** Written at a time: enough for the disk to be busy, and a multiple of every disk's block. */
const STAGE_BYTES = 4 * 2 ** 20;
/** What a processor's cache still holds when it was copied and is then hashed. */
const PIECE_BYTES = 2 ** 18;
/** More than these are left to the garbage collector: train, validation and test, two each. */
const MOST_SPARE = 6;
const spare: Uint8Array[] = [];

export class DirectFile {
  readonly #file: FileHandle;
  readonly #kernels: ShardKernels;
  #stage: Uint8Array;
  /** Bytes in the stage. */
  #filled = 0;
  /** Bytes that were handed to the system. */
  #position = 0;
  /** One at a time; a failure shows at the next one. */
  #writing: Promise<void> = Promise.resolve();
  #direct = true;

  private constructor(file: FileHandle, kernels: ShardKernels) {
    this.#file = file;
    this.#kernels = kernels;
    this.#stage = lendStage(kernels);
  }

  /** @param file new, open for writing. @returns undefined where it can only be written through the cache */
  static over(file: FileHandle): DirectFile | undefined {
    const kernels = shardKernels();
    if (kernels?.setDirect(file.fd, true) !== true) return undefined;
    return new DirectFile(file, kernels);
  }

  /**
   * The bytes may be changed once this returns.
   * @param look is told each piece while a processor's cache holds it
   */
  async write(chunk: Uint8Array, look: (piece: Uint8Array) => void): Promise<void> {
    for (let start = 0; start < chunk.length;) {
      const length = Math.min(PIECE_BYTES, chunk.length - start, STAGE_BYTES - this.#filled);
      const piece = this.#stage.subarray(this.#filled, this.#filled + length);
      this.#kernels.copy(chunk.subarray(start, start + length), piece);
      look(piece);
      start += length;
      this.#filled += length;
      if (this.#filled === STAGE_BYTES) await this.#writeStage();
    }
  }

  /** Returns when all is with the system; call `close` then. */
  async finish(): Promise<void> {
    await this.#writing;
    this.#useCache();
    await this.#writeAll(this.#stage.subarray(0, this.#filled), this.#position);
  }

  /** Gives its memory back, once nothing is being written any more; the file stays open. */
  async close(): Promise<void> {
    await this.#writing.catch(() => undefined);
    giveBack(this.#stage);
    this.#stage = new Uint8Array(0);
  }

  async #writeStage(): Promise<void> {
    await this.#writing;
    const full = this.#stage;
    const position = this.#position;
    this.#stage = lendStage(this.#kernels);
    this.#filled = 0;
    this.#position += full.length;
    this.#writing = this.#writeAll(full, position).finally(() => {
      giveBack(full);
    });
    this.#writing.catch(() => undefined);
  }

  async #writeAll(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      try {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, position + done);
        done += bytesWritten;
        // What is left would have to begin where a block does.
        if (done < bytes.length) this.#useCache();
      } catch (error) {
        // The disk wants other sizes or places than ours.
        if (!this.#direct || codeOf(error) !== 'EINVAL') throw error;
        this.#useCache();
      }
    }
  }

  #useCache(): void {
    if (this.#direct) this.#kernels.setDirect(this.#file.fd, false);
    this.#direct = false;
  }
}

function lendStage(kernels: ShardKernels): Uint8Array {
  return spare.pop() ?? new Uint8Array(kernels.alignedMemory(STAGE_BYTES));
}

function giveBack(stage: Uint8Array): void {
  if (stage.length === STAGE_BYTES && spare.length < MOST_SPARE) spare.push(stage);
}
