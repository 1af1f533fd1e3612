/** `multipart/form-data` (RFC 7578), a part at a time: files go on to whoever stores them, nothing is kept. */
import { Refused } from './refused.ts';

export interface MultipartLimits {
  readonly parts: number;
  /** Of the whole body. */
  readonly bytes: number;
}

/** Takes a part's bytes in order. */
export interface PartSink {
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

const MOST_HEADER_BYTES = 8_192;
const LONGEST_BOUNDARY = 70;
const CRLF = Buffer.from('\r\n');
const HEADERS_END = Buffer.from('\r\n\r\n');

/**
 * The boundary of a content type.
 *
 * @throws Refused 415 for another content type, 400 without a boundary
 */
export function boundaryOf(contentType: string): string {
  if (!/^multipart\/form-data\s*(?:;|$)/iu.test(contentType)) {
    throw new Refused(415, 'content-type', 'send multipart/form-data or application/json');
  }
  const [, quoted, bare] = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/iu.exec(contentType) ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined || boundary.length > LONGEST_BOUNDARY) {
    throw new Refused(400, 'multipart', 'the content type names no boundary of 1 to 70 characters');
  }
  return boundary;
}

/**
 * Reads the whole body.
 *
 * @param open called with each file's name, and asked for where its bytes go
 * @throws Refused 400 for a body that is none, 413 above a limit; what `open` and its sinks throw
 */
export async function readMultipart(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
  limits: MultipartLimits,
  open: (fileName: string) => Promise<PartSink>,
): Promise<void> {
  const reader = new Reader(body, limits.bytes);
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  // The first delimiter has no line before it.
  reader.prepend(CRLF);
  await reader.until(delimiter, async () => undefined);
  for (let parts = 0; ; parts += 1) {
    const after = await reader.take(2);
    if (after.equals(Buffer.from('--'))) return;
    if (!after.equals(CRLF)) throw malformed('a boundary is not followed by a line end');
    if (parts >= limits.parts) {
      throw new Refused(413, 'too-many-clips', `at most ${String(limits.parts)} clips in a request`);
    }
    const fileName = fileNameOf(await reader.header());
    const sink = await open(fileName);
    await reader.until(delimiter, async (bytes) => {
      await sink.write(bytes);
    });
    await sink.end();
  }
}

function fileNameOf(header: string): string {
  const disposition = /^content-disposition:\s*form-data\s*;(.*)$/imu.exec(header)?.[1];
  if (disposition === undefined) throw malformed('a part has no content disposition');
  const [, name] = /;\s*filename="((?:[^"\\]|\\.)*)"/iu.exec(`;${disposition}`) ?? [];
  if (name === undefined) throw malformed('a part is no file: each has a filename="…"');
  return name.replaceAll(/\\(.)/gu, '$1');
}

function malformed(reason: string): Refused {
  return new Refused(400, 'multipart', `the body is not multipart/form-data: ${reason}`);
}

class Reader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #mostBytes: number;
  #held: Buffer = Buffer.alloc(0);
  #bytes = 0;

  constructor(body: AsyncIterable<Uint8Array>, mostBytes: number) {
    this.#chunks = body[Symbol.asyncIterator]();
    this.#mostBytes = mostBytes;
  }

  prepend(bytes: Buffer): void {
    this.#held = Buffer.concat([bytes, this.#held]);
  }

  async take(count: number): Promise<Buffer> {
    while (this.#held.length < count) await this.#more();
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  async header(): Promise<string> {
    for (;;) {
      // A part without headers begins with the empty line.
      const end = this.#held.indexOf(HEADERS_END);
      if (end >= 0 && end <= MOST_HEADER_BYTES) {
        const text = this.#held.toString('utf8', 0, end);
        this.#held = this.#held.subarray(end + HEADERS_END.length);
        return text;
      }
      if (this.#held.length > MOST_HEADER_BYTES) throw malformed('the headers of a part are too long');
      await this.#more();
    }
  }

  /** Gives on what is before the mark, and passes it. */
  async until(mark: Buffer, give: (bytes: Buffer) => Promise<void>): Promise<void> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at >= 0) {
        if (at > 0) await give(this.#held.subarray(0, at));
        this.#held = this.#held.subarray(at + mark.length);
        return;
      }
      const safe = this.#held.length - mark.length + 1;
      if (safe > 0) {
        await give(this.#held.subarray(0, safe));
        this.#held = this.#held.subarray(safe);
      }
      await this.#more();
    }
  }

  async #more(): Promise<void> {
    const next = await this.#chunks.next();
    if (next.done === true) throw malformed('it ends within a part');
    this.#bytes += next.value.length;
    if (this.#bytes > this.#mostBytes) {
      throw new Refused(413, 'too-large', `at most ${String(this.#mostBytes)} bytes in a request`);
    }
    this.#held = this.#held.length === 0 ? Buffer.from(next.value) : Buffer.concat([this.#held, next.value]);
  }
}
