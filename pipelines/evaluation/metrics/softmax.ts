/** @returns softmax of each row of a row-major matrix, in float64 so that rows sum to 1 within 1e-15 */
export function softmaxRows(logits: ArrayLike<number>, classCount: number): Float64Array {
  const probabilities = new Float64Array(logits.length);
  for (let row = 0; row < logits.length; row += classCount) {
    let highest = -Infinity;
    for (let k = 0; k < classCount; k += 1) highest = Math.max(highest, logits[row + k] ?? 0);
    let sum = 0;
    for (let k = 0; k < classCount; k += 1) {
      const weight = Math.exp((logits[row + k] ?? 0) - highest);
      probabilities[row + k] = weight;
      sum += weight;
    }
    for (let k = 0; k < classCount; k += 1) probabilities[row + k] = (probabilities[row + k] ?? 0) / sum;
  }
  return probabilities;
}
