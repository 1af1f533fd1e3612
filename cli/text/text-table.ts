/** A table for a terminal. Pure. */
import { oneLine } from '../../schemas/printable.ts';

export interface TextTable {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns aligned to the left; the others are numbers. */
  readonly left?: readonly number[];
}

/** The header, a rule, and a line a row; columns as wide as their widest cell. */
export function textTable(table: TextTable): string {
  const { left = [0] } = table;
  const header = table.header.map(oneLine);
  const rows = table.rows.map((cells) => cells.map(oneLine));
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((cells) => (cells[column] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        left.includes(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd();
  return [line(header), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}
