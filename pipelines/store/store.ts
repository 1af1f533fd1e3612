/**
 * The store: named, immutable-once-written blobs. Every write is atomic: a reader sees the old bytes,
 * the new bytes or nothing. Paths are relative, with `/`, as `schemas/names.ts` gives them.
 */

export interface Store {
  /** The URI it was opened with, normalised. */
  readonly uri: string;
  /** Whether `putFile` moves the file as it is; else it reads it. */
  readonly movesFiles: boolean;
  /** @throws ModalmixError `input` when nothing is stored at `path`. */
  get(path: string): Promise<Buffer>;
  /** The bytes, or undefined when nothing is stored there. */
  find(path: string): Promise<Buffer | undefined>;
  /**
   * Some of the blob's bytes.
   * @throws ModalmixError `input` when nothing is stored at `path`, or it ends before `offset + length`
   */
  range(path: string, offset: number, length: number): Promise<Buffer>;
  exists(path: string): Promise<boolean>;
  /** Bytes of the blob, or undefined when nothing is stored there; nothing is read. */
  size(path: string): Promise<number | undefined>;
  /** When the blob was last written, by the clock of who keeps it; undefined when nothing is stored there. */
  writtenAt(path: string): Promise<Date | undefined>;
  /** Sorted paths that start with `prefix` (a folder). */
  list(prefix: string): Promise<string[]>;
  put(path: string, bytes: string | Uint8Array): Promise<void>;
  /** As `put`, but only where nothing is stored yet: of several writers of one path exactly one gets true. */
  create(path: string, bytes: string | Uint8Array): Promise<boolean>;
  /** Moves a finished local file into the store; the file is gone afterwards. */
  putFile(path: string, localFile: string, options?: PutFileOptions): Promise<void>;
  delete(path: string): Promise<void>;
  /** A local file with the blob's bytes, for readers that need one (Arrow, ffmpeg). Do not write to it. */
  localFile(path: string): Promise<string>;
  /** A new, empty local folder on the store's own disk where it has one; the caller deletes it. */
  scratchFolder(): Promise<string>;
}

export interface PutFileOptions {
  /** Default: true; a store elsewhere then keeps the file as its local copy, for `localFile`. */
  readonly readAgain?: boolean;
}
