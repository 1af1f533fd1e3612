/** Takes the pictures that ffmpeg writes, up to a limit. */
import { Writable } from 'node:stream';
import { parsePpmStream, type Picture } from './ppm.ts';

export interface SinkLimits {
  /** Bytes that all pictures together may have, or of `last` each. */
  readonly bytes: number;
  /** All of them, or only the last. */
  readonly keep: 'all' | 'last';
}

export class PictureSink extends Writable {
  readonly #limits: SinkLimits;
  #chunks: Buffer[] = [];
  #length = 0;
  #last: Picture | undefined;
  exceeded = false;
  onExceeded: () => void = () => undefined;

  constructor(limits: SinkLimits) {
    // fluent-ffmpeg takes `close` for a reader that went away, and kills a process that may be just ending.
    super({ emitClose: false, autoDestroy: false });
    this.#limits = limits;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#length += chunk.length;
    if (this.#length <= this.#limits.bytes) {
      this.#chunks.push(chunk);
      if (this.#limits.keep === 'last') this.#forgetAllButLast();
    } else if (!this.exceeded) {
      this.exceeded = true;
      this.onExceeded();
    }
    done();
  }

  pictures(): Picture[] {
    if (this.#limits.keep === 'all') return parsePpmStream(Buffer.concat(this.#chunks));
    return this.#last === undefined ? [] : [this.#last];
  }

  #forgetAllButLast(): void {
    const whole = Buffer.concat(this.#chunks);
    const pictures = parsePpmStream(whole);
    const last = pictures.at(-1);
    if (last !== undefined) this.#last = last;
    const end = last === undefined ? 0 : last.data.byteOffset - whole.byteOffset + last.data.length;
    const rest = whole.subarray(end);
    this.#chunks = [rest];
    this.#length = rest.length;
  }
}
