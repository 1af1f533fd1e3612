/** The values behind a chart as a table, made when it is first opened. */
import { element } from './charts.ts';

export interface ValueTable {
  readonly head: readonly string[];
  /** The first cell of a row is its heading. */
  readonly rows: readonly (readonly string[])[];
}

/** @param build called at each opening, so that the table shows what the chart shows */
export function offerValues(key: string, build: () => ValueTable): void {
  const details = document.querySelector<HTMLDetailsElement>(`[data-values="${CSS.escape(key)}"]`);
  const place = details?.querySelector('.scroll');
  if (details === null || place === null || place === undefined) return;
  details.addEventListener('toggle', () => {
    if (details.open) place.replaceChildren(tableOf(build()));
  });
}

function tableOf({ head, rows }: ValueTable): HTMLTableElement {
  const table = element('table');
  const headRow = table.createTHead().insertRow();
  head.forEach((name, column) => {
    headRow.append(element('th', { scope: 'col', class: column === 0 ? '' : 'number' }, name));
  });
  const body = table.createTBody();
  for (const [heading = '', ...values] of rows) {
    const row = body.insertRow();
    row.append(element('th', { scope: 'row' }, heading));
    for (const value of values) row.append(element('td', { class: 'number' }, value));
  }
  return table;
}
