/** Reads a dataset's list file: one entry a line, whatever the line ends. */
import { readFile } from 'node:fs/promises';
import { ModalmixError } from '../../schemas/errors.ts';
import { LFS_FIX, LFS_PROBLEM, isLfsPointerText } from './lfs-pointer.ts';

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
  const bytes = await readBytes(file, field);
  const text = decoded(bytes);
  if (text !== undefined && !isLfsPointerText(text)) return text;
  throw new ModalmixError('config', text === undefined ? 'the list is not in UTF-8' : LFS_PROBLEM, {
    where: file,
    fix: text === undefined ? 'Save it as UTF-8 ("CSV UTF-8" in a spreadsheet).' : LFS_FIX,
  });
}

/** @returns undefined when it is neither UTF-8 nor UTF-16 */
function decoded(bytes: Buffer): string | undefined {
  const [first, second] = bytes;
  // Without a mark it is told by the zero in each of the first two letters.
  const isUtf16 = (mark: readonly number[], zero: number) =>
    (first === mark[0] && second === mark[1]) ||
    (bytes.length > 3 && bytes[zero] === 0 && bytes[zero + 2] === 0 && bytes[1 - zero] !== 0);
  const encoding = isUtf16([0xff, 0xfe], 1) ? 'utf-16le' : isUtf16([0xfe, 0xff], 0) ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

async function readBytes(file: string, field: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new ModalmixError('config', `the list ${file} cannot be read`, {
      where: field,
      fix: 'Correct the path, or put the file there.',
      cause: error,
    });
  }
}

/** An error about one line. */
export function lineError(file: string, line: number, message: string, fix: string): ModalmixError {
  return new ModalmixError('config', message, { where: `${file}:${String(line)}`, fix });
}
