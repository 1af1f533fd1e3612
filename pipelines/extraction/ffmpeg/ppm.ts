/**
 * Binary PPM (P6, 8 bit; netpbm's `ppm(5)`) in a row, as ffmpeg's `image2pipe` writes them: each picture
 * carries its own size, which raw video does not.
 */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** RGB, row by row, width · height · 3 bytes; a view of the stream's buffer. */
  readonly data: Uint8Array;
}

const HEADER = /^P6\s(\d+)\s(\d+)\s255\s/u;
const LONGEST_HEADER = 40;

/** The complete pictures at the start of `bytes`; a cut-off last one is left out. */
export function parsePpmStream(bytes: Uint8Array): Picture[] {
  const pictures: Picture[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const header = HEADER.exec(
      Buffer.from(bytes.subarray(offset, offset + LONGEST_HEADER)).toString('latin1'),
    );
    if (header === null) break;
    const [text, widthText, heightText] = header;
    const width = Number(widthText);
    const height = Number(heightText);
    const first = offset + text.length;
    const end = first + width * height * 3;
    if (end > bytes.length) break;
    pictures.push({ width, height, data: bytes.subarray(first, end) });
    offset = end;
  }
  return pictures;
}
