/** `1 event`, `12 events`; with `after`: `1 row replaced`, `2 rows replaced`. */
export function counted(count: number, thing: string, after = ''): string {
  return `${String(count)} ${thing}${count === 1 ? '' : 's'}${after === '' ? '' : ` ${after}`}`;
}
