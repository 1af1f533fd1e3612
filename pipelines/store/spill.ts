/** Records parted by a number that the caller gives, for work that looks at one part after the other. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asFullDisk } from '../../schemas/full-disk.ts';
import { gathered } from './streams.ts';

/** Records that are kept in memory before any is written. */
export const HELD_RECORDS = 2 ** 17;
/** Letters of a part that wait to be written. */
const WAITING_LETTERS = 2 ** 15;
const READ_BYTES = 2 ** 20;
const NEWLINE = 0x0a;

interface PartFile {
  readonly path: string;
  readonly descriptor: number;
  waiting: string[];
  letters: number;
}

/**
 * First all are added, then parts are read, as often as wanted, each in the order in which its records came. Few records stay in
 * memory as they are; from `held` on all are written to files, a JSON line each, of which a block at a time is in memory.
 * `T` is what JSON gives back as it was.
 */
export class Spill<T> {
  /** Of records, by part. */
  readonly counts: number[];
  readonly #folder: string;
  readonly #held: number;
  #total = 0;
  #memory: T[][] | undefined;
  readonly #files: (PartFile | undefined)[] = [];
  #closed = false;

  /** @param folder of its own, made when it is needed; the caller deletes it */
  constructor(folder: string, parts: number, held = HELD_RECORDS) {
    this.#folder = folder;
    this.#held = held;
    this.counts = new Array<number>(parts).fill(0);
    this.#memory = this.counts.map(() => []);
  }

  get total(): number {
    return this.#total;
  }

  get parts(): number {
    return this.counts.length;
  }

  /** Whether all are in memory. */
  get inMemory(): boolean {
    return this.#memory !== undefined;
  }

  /**
   * @param part 0 … parts − 1
   * @throws ModalmixError `transient` when the disk is full
   */
  add(part: number, record: T): void {
    this.counts[part]! += 1;
    this.#total += 1;
    if (this.#memory === undefined) {
      this.#write(part, record);
      return;
    }
    this.#memory[part]!.push(record);
    if (this.#total <= this.#held) return;
    const early = this.#memory;
    this.#memory = undefined;
    mkdirSync(this.#folder, { recursive: true });
    for (const [at, records] of early.entries()) for (const one of records) this.#write(at, one);
  }

  /** A part's records in blocks, none empty. Nothing is added any more. */
  async *read(part: number): AsyncGenerator<readonly T[]> {
    if (this.#memory !== undefined) {
      const records = this.#memory[part]!;
      if (records.length > 0) yield records;
      return;
    }
    this.#finish();
    const written = this.#files[part];
    if (written === undefined) return;
    const file = await open(written.path);
    try {
      let rest = Buffer.alloc(0);
      for (;;) {
        const chunk = Buffer.allocUnsafe(READ_BYTES);
        const { bytesRead } = await file.read(chunk, 0, READ_BYTES);
        if (bytesRead === 0) return;
        const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
        const end = bytes.lastIndexOf(NEWLINE);
        rest = bytes.subarray(end + 1);
        if (end === -1) continue;
        // A line break is no part of a JSON text on one line: between two lines it becomes the comma.
        yield JSON.parse(`[${bytes.toString('utf8', 0, end).replaceAll('\n', ',')}]`) as T[];
      }
    } finally {
      await file.close();
    }
  }

  /** A part's records in one array. */
  async all(part: number): Promise<T[]> {
    return await gathered(this.read(part));
  }

  /** The part will not be read again: its file goes. */
  async drop(part: number): Promise<void> {
    if (this.#memory !== undefined) {
      this.#memory[part] = [];
      return;
    }
    this.#finish();
    const written = this.#files[part];
    this.#files[part] = undefined;
    if (written !== undefined) await rm(written.path, { force: true });
  }

  /** Closes what is open: also for whoever stops before anything was read. */
  end(): void {
    if (!this.#closed) for (const file of this.#files) if (file !== undefined) closeSync(file.descriptor);
    this.#closed = true;
  }

  #write(part: number, record: T): void {
    const file = (this.#files[part] ??= this.#create(part));
    const line = JSON.stringify(record);
    file.waiting.push(line);
    file.letters += line.length;
    if (file.letters >= WAITING_LETTERS) flush(file);
  }

  #create(part: number): PartFile {
    const path = join(this.#folder, String(part));
    return { path, descriptor: openSync(path, 'wx'), waiting: [], letters: 0 };
  }

  #finish(): void {
    if (this.#closed) return;
    for (const file of this.#files) if (file !== undefined) flush(file);
    this.end();
  }
}

/** In which of so many parts a text belongs that nothing else says a part of: FNV-1a, of 32 bits. */
export function partOfText(text: string, parts: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % parts;
}

function flush(file: PartFile): void {
  if (file.waiting.length === 0) return;
  const bytes = Buffer.from(`${file.waiting.join('\n')}\n`);
  file.waiting = [];
  file.letters = 0;
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(file.descriptor, bytes, at);
  } catch (error) {
    throw asFullDisk(error, file.path);
  }
}
