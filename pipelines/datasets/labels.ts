import { compareText } from './list-files.ts';

/** The distinct labels: by value when all are whole numbers, else by text. */
export function sortedLabels(labels: readonly string[]): string[] {
  const distinct = [...new Set(labels)].filter((label) => label !== '');
  return distinct.every((label) => /^\d+$/u.test(label))
    ? distinct.sort((a, b) => Number(a) - Number(b))
    : distinct.sort(compareText);
}
