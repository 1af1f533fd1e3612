/** Pieces several sections are made of. */
import type { Spread } from '../../../../schemas/summary.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { dataTable } from '../../../evaluation/report/sections/parts.ts';
import { formatSpread } from '../../../evaluation/report/summarise.ts';

export interface SortableColumn {
  readonly name: string;
  readonly kind: 'text' | 'number';
}

/** A column's heading is a button that sorts the table by it. */
export function sortableTable(
  caption: string,
  columns: readonly SortableColumn[],
  rows: readonly Html[],
): Html {
  const head = columns.map(
    ({ name, kind }) =>
      markup`<th scope="col"${kind === 'number' ? markup` class="number"` : undefined}><button type="button" class="sort">${name}</button></th>`,
  );
  return dataTable(caption, head, rows, markup` data-sortable`);
}

/** @param sort what the column is sorted by */
export function numberCell(text: string, sort: number | undefined, best = false): Html {
  return markup`<td class="number"${sort === undefined ? undefined : markup` data-sort="${sort}"`}>${best ? markup`<strong>${text}</strong>` : text}</td>`;
}

export function spreadCell(spread: Spread | undefined, best = false): Html {
  return numberCell(spread === undefined ? '–' : formatSpread(spread), spread?.mean, best);
}

export interface HeatRow {
  readonly name: string;
  /** Shares; the first is the reference that the others are told against. */
  readonly values: readonly (number | undefined)[];
}

/** A table of percentages whose ground is the stronger, the more of the row's first value is lost. */
export function heatTable(
  caption: string,
  corner: string,
  columns: readonly string[],
  rows: readonly HeatRow[],
): Html {
  const best = columns.map((_, i) => Math.max(...rows.map(({ values }) => values[i] ?? -1)));
  const head = [
    markup`<th scope="col">${corner}</th>`,
    ...columns.map((name) => markup`<th scope="col" class="number">${name}</th>`),
  ];
  const lines = rows.map(
    ({ name, values }) => markup`<tr>
      <th scope="row">${name}</th>
      ${columns.map((_, i) => heatCell(values[i], values[0], best[i]!))}
    </tr>`,
  );
  return dataTable(caption, head, lines);
}

function heatCell(value: number | undefined, reference: number | undefined, best: number): Html {
  if (value === undefined) return markup`<td class="number">–</td>`;
  const lost =
    reference === undefined || reference <= 0 ? 0 : Math.max(0, Math.min(1, 1 - value / reference));
  const text = (100 * value).toFixed(1);
  return markup`<td class="number heat" style="--lost: ${(55 * lost).toFixed(1)}%">${value === best ? markup`<strong>${text}</strong>` : text}</td>`;
}

export function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, one) => sum + one, 0) / values.length;
}
