/** Pieces several sections are made of. */
import { markup, type Html } from '../../../evaluation/report/html.ts';

/** `2026-05-01 10:30`, UTC. */
export function minute(at: string): string {
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}

export function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${(100 * share).toFixed(1)} %`;
}

/** Headings of columns; those of numbers stand to the right. */
export function columns(...names: readonly (string | readonly [string, 'number'])[]): Html[] {
  return names.map((name) =>
    typeof name === 'string'
      ? markup`<th scope="col">${name}</th>`
      : markup`<th scope="col" class="number">${name[0]}</th>`,
  );
}
