import { compareText } from './list-files.ts';
import { oneForm } from './one-form.ts';

/** The distinct labels: by value when all are whole numbers, else by text; two forms of one name are one. */
export function sortedLabels(labels: readonly string[]): string[] {
  const form = oneForm(labels);
  const distinct = [...new Set(labels.map(form))].filter((label) => label !== '');
  return distinct.every((label) => /^\d+$/u.test(label))
    ? distinct.sort((a, b) => Number(a) - Number(b))
    : distinct.sort(compareText);
}
