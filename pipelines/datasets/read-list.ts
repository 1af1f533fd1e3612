/** Reads a dataset's list file: one entry a line, whatever the line ends. */
import { open } from 'node:fs/promises';
import { TextDecoder } from 'node:util';
import { ModalmixError } from '../../schemas/errors.ts';
import { LFS_FIX, LFS_PROBLEM, isLfsPointerText } from './lfs-pointer.ts';

const PIECE_BYTES = 2 ** 18;

export interface ListLine {
  /** From 1, as editors count. */
  readonly number: number;
  /** Trimmed, never empty. */
  readonly text: string;
}

/**
 * The lines of a list that are not empty; a byte order mark and CRLF are no part of them.
 * @param field config field that names the file, for the message
 * @throws ModalmixError `config` when it cannot be read or holds nothing
 */
export async function readList(file: string, field: string): Promise<ListLine[]> {
  const text = await readListText(file, field);
  const lines = text
    .split(/\r\n|\n|\r/u)
    .map((line, index) => ({ number: index + 1, text: line.trim() }))
    // A spreadsheet leaves rows of separators alone behind.
    .filter((line) => !/^[\s,;]*$/u.test(line.text));
  if (lines.length === 0) {
    throw new ModalmixError('config', 'the list is empty', { where: file, fix: `Correct ${field}.` });
  }
  return lines;
}

/**
 * The file as text without its byte order mark: UTF-8, or UTF-16 as spreadsheets save it.
 * @throws ModalmixError `config` when it cannot be read, or is in another encoding
 */
export async function readListText(file: string, field: string): Promise<string> {
  let text = '';
  for await (const piece of listText(file, field)) text += piece;
  return text;
}

/** `readListText` piece by piece. */
export async function* listText(file: string, field: string): AsyncGenerator<string> {
  const opened = await open(file, 'r').catch((cause: unknown) => {
    throw cannotRead(file, field, cause);
  });
  try {
    let decoder: TextDecoder | undefined;
    for (let begun = false; ; begun = true) {
      const piece = Buffer.allocUnsafe(PIECE_BYTES);
      const { bytesRead } = await opened.read(piece, 0, PIECE_BYTES).catch((cause: unknown) => {
        throw cannotRead(file, field, cause);
      });
      const bytes = piece.subarray(0, bytesRead);
      decoder ??= new TextDecoder(encodingOf(bytes), { fatal: true });
      const text = decoded(decoder, bytes, file);
      if (!begun && isLfsPointerText(text)) {
        throw new ModalmixError('config', LFS_PROBLEM, { where: file, fix: LFS_FIX });
      }
      if (text !== '') yield text;
      if (bytesRead === 0) return;
    }
  } finally {
    await opened.close();
  }
}

function encodingOf(bytes: Buffer): string {
  const [first, second] = bytes;
  // Without a mark it is told by the zero in each of the first two letters.
  const isUtf16 = (mark: readonly number[], zero: number) =>
    (first === mark[0] && second === mark[1]) ||
    (bytes.length > 3 && bytes[zero] === 0 && bytes[zero + 2] === 0 && bytes[1 - zero] !== 0);
  return isUtf16([0xff, 0xfe], 1) ? 'utf-16le' : isUtf16([0xfe, 0xff], 0) ? 'utf-16be' : 'utf-8';
}

/** @param bytes none: the end, at which no letter may be half there */
function decoded(decoder: TextDecoder, bytes: Buffer, file: string): string {
  try {
    return decoder.decode(bytes, { stream: bytes.length > 0 });
  } catch (cause) {
    throw new ModalmixError('config', 'the list is not in UTF-8', {
      where: file,
      fix: 'Save it as UTF-8 ("CSV UTF-8" in a spreadsheet).',
      cause,
    });
  }
}

function cannotRead(file: string, field: string, cause: unknown): ModalmixError {
  return new ModalmixError('config', `the list ${file} cannot be read`, {
    where: field,
    fix: 'Correct the path, or put the file there.',
    cause,
  });
}

/** An error about one line. */
export function lineError(file: string, line: number, message: string, fix: string): ModalmixError {
  return new ModalmixError('config', message, { where: `${file}:${String(line)}`, fix });
}
