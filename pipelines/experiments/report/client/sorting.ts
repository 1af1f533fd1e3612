/** Tables whose headings sort them. */

/** A second click turns the order round; numbers begin with the largest. */
export function listenToSorting(): void {
  for (const table of document.querySelectorAll<HTMLTableElement>('table[data-sortable]')) {
    const headings = [...table.querySelectorAll<HTMLTableCellElement>('thead th')];
    for (const [column, heading] of headings.entries()) {
      heading.querySelector('button')?.addEventListener('click', () => {
        const isNumber = heading.classList.contains('number');
        const before = heading.getAttribute('aria-sort');
        const first = isNumber ? 'descending' : 'ascending';
        const other = isNumber ? 'ascending' : 'descending';
        const now = before === first ? other : first;
        for (const one of headings) one.removeAttribute('aria-sort');
        heading.setAttribute('aria-sort', now);
        sortRows(table, column, isNumber, now === 'ascending' ? 1 : -1);
      });
    }
  }
}

function sortRows(table: HTMLTableElement, column: number, isNumber: boolean, sign: 1 | -1): void {
  const body = table.tBodies[0];
  if (body === undefined) return;
  const cellOf = (row: HTMLTableRowElement) => row.cells[column];
  const rows = [...body.rows].sort((a, b) => {
    if (!isNumber) return sign * (cellOf(a)?.textContent ?? '').localeCompare(cellOf(b)?.textContent ?? '');
    const [x, y] = [Number(cellOf(a)?.dataset['sort'] ?? NaN), Number(cellOf(b)?.dataset['sort'] ?? NaN)];
    // What has no value comes last either way.
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return sign * (x - y);
  });
  body.append(...rows);
}
