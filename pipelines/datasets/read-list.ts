/** Reads a dataset's list file: one entry a line, whatever the line ends. */
import { readFile } from 'node:fs/promises';
import { ModalmixError } from '../../schemas/errors.ts';

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
    .filter((line) => line.text !== '');
  if (lines.length === 0) {
    throw new ModalmixError('config', 'the list is empty', { where: file, fix: `Correct ${field}.` });
  }
  return lines;
}

/** The file as text without its byte order mark. @throws ModalmixError `config` when it cannot be read */
export async function readListText(file: string, field: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).replace(/^\uFEFF/u, '');
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
