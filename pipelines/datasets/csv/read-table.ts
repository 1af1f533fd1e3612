/** A table with a header, row by row, however long. */
import { pipeline, Readable } from 'node:stream';
import { CsvError, parse, type Info } from 'csv-parse';
import { ModalmixError } from '../../../schemas/errors.ts';
import { FEATURE_NAME, featureName, isFeatures } from '../../../schemas/modality-names.ts';
import { lineError, listText } from '../read-list.ts';

export const COLUMNS = ['path', 'label', 'split', 'id', 'group', 'start', 'end', 'audio_path'] as const;

export interface Row {
  readonly line: number;
  readonly cells: Readonly<Record<string, string>>;
}

/**
 * @param begin is given the header's names, trimmed and in small letters, before the first row
 * @throws ModalmixError `config` that names the line
 */
export async function* readTable(
  file: string,
  field: string,
  begin: (columns: readonly string[]) => void,
): AsyncGenerator<Row> {
  const text = listText(file, field);
  const { value: head } = (await text.next()) as { value: string | undefined };
  let columns: string[] = [];
  const { delimiter, firstLine } = separation(head ?? '');
  const parser = parse({
    columns: (header: string[]) => {
      columns = header.map((name) => name.trim().toLowerCase());
      return columns;
    },
    info: true,
    delimiter,
    from_line: firstLine,
    skip_empty_lines: true,
    // A spreadsheet leaves rows of separators alone behind.
    skip_records_with_empty_values: true,
    trim: true,
  });
  // What fails in the text ends the parser, which whoever reads rows is told.
  pipeline(Readable.from(withHead(head, text)), parser, () => undefined);
  try {
    let rows = 0;
    for await (const { record, info } of parser as AsyncIterable<{
      record: Record<string, string>;
      info: Info;
    }>) {
      if (rows === 0) {
        checkHeader(columns, file);
        begin(columns);
      }
      rows += 1;
      yield { line: info.lines, cells: record };
    }
    if (rows > 0) return;
    checkHeader(columns, file);
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw lineError(
      file,
      typeof error.lines === 'number' ? error.lines : 1,
      error.message,
      'Correct the line: every row has as many cells as the header.',
    );
  }
  throw new ModalmixError('config', 'the table has no row', { where: file, fix: 'List the clips.' });
}

async function* withHead(head: string | undefined, rest: AsyncIterable<string>): AsyncGenerator<string> {
  if (head !== undefined) yield head;
  yield* rest;
}

function checkHeader(columns: readonly string[], file: string): void {
  const odd = columns.filter((name) => isFeatures(name) && !FEATURE_NAME.test(featureName(name)));
  if (odd.length > 0) {
    throw lineError(
      file,
      1,
      `"${odd[0] ?? ''}" names no features`,
      'Call the column features:clip or the like.',
    );
  }
  // Features stand in for a clip whose media are elsewhere.
  const needed = columns.some(isFeatures) ? ['label'] : ['path', 'label'];
  const missing = needed.filter((name) => !columns.includes(name));
  if (missing.length === 0) return;
  throw lineError(
    file,
    1,
    `the header has no column ${missing.join(', ')}`,
    `Begin the table with a line such as: ${COLUMNS.join(',')} (the first two are needed).`,
  );
}

/** What separates the cells: a line `sep=;` says it (spreadsheets write one), else the header shows it. */
function separation(text: string): { delimiter: string; firstLine: number } {
  const [first = ''] = text.split(/\r\n|\n|\r/u, 1);
  const named = /^"?sep=(.)"?$/iu.exec(first)?.[1];
  if (named !== undefined) return { delimiter: named, firstLine: 2 };
  const isHeader = (delimiter: string) =>
    first
      .toLowerCase()
      .split(delimiter)
      .some((name) => name.replaceAll('"', '').trim() === 'label');
  return { delimiter: [',', ';', '\t', '|'].find(isHeader) ?? ',', firstLine: 1 };
}
