/**
 * @returns classCount × classCount counts; rows: true class, columns: predicted class
 */
export function confusionMatrix(
  labels: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classCount: number,
): number[][] {
  const counts = Array.from({ length: classCount }, () => new Array<number>(classCount).fill(0));
  for (let n = 0; n < labels.length; n += 1) {
    const row = counts[labels[n] ?? -1];
    const column = predicted[n] ?? -1;
    if (row?.[column] !== undefined) row[column] += 1;
  }
  return counts;
}

/** Share of samples on the diagonal, 0…1. */
export function accuracy(confusion: readonly (readonly number[])[]): number {
  let right = 0;
  let all = 0;
  confusion.forEach((row, k) => {
    right += row[k] ?? 0;
    for (const count of row) all += count;
  });
  return right / all;
}

/**
 * Unweighted mean of the classes' F1, 0…1, over the classes that occur among the true or the predicted
 * ones: scikit-learn's `f1_score(average='macro', zero_division=0)`.
 */
export function macroF1(confusion: readonly (readonly number[])[]): number {
  let sum = 0;
  let classes = 0;
  confusion.forEach((row, k) => {
    const right = row[k] ?? 0;
    const isTrue = row.reduce((total, count) => total + count, 0);
    const isPredicted = confusion.reduce((total, other) => total + (other[k] ?? 0), 0);
    if (isTrue + isPredicted === 0) return;
    sum += (2 * right) / (isTrue + isPredicted);
    classes += 1;
  });
  return sum / classes;
}
