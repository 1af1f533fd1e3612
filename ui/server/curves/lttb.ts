/**
 * Curves of fewer points that look the same: largest triangle three buckets (S. Steinarsson, "Downsampling time series for
 * visual representation", University of Iceland, 2013). Pure.
 */

/**
 * Of each bucket of points the one that makes the largest triangle with the point that was kept before it and the mean of the
 * next bucket; the first and the last point stay.
 *
 * @param x ascending
 * @param y of the same length, finite
 * @param most at least 3; where there are no more, all stay
 * @returns the kept points' places, ascending
 */
export function lttb(x: ArrayLike<number>, y: ArrayLike<number>, most: number): Int32Array {
  const { length } = x;
  if (length <= most) return Int32Array.from({ length }, (_, i) => i);
  const kept = new Int32Array(most);
  // All but the first and the last point are in buckets.
  const width = (length - 2) / (most - 2);
  const startOf = (bucket: number) => Math.floor(bucket * width) + 1;
  let before = 0;
  for (let bucket = 0; bucket < most - 2; bucket += 1) {
    const [start, end] = [startOf(bucket), startOf(bucket + 1)];
    const nextEnd = Math.min(startOf(bucket + 2), length);
    let [sumX, sumY] = [0, 0];
    for (let i = end; i < nextEnd; i += 1) {
      sumX += x[i]!;
      sumY += y[i]!;
    }
    const meanX = sumX / (nextEnd - end);
    const meanY = sumY / (nextEnd - end);
    const [fromX, fromY] = [x[before]!, y[before]!];
    let largest = -1;
    let chosen = start;
    for (let i = start; i < end; i += 1) {
      const area = Math.abs((fromX - meanX) * (y[i]! - fromY) - (fromX - x[i]!) * (meanY - fromY));
      if (area <= largest) continue;
      largest = area;
      chosen = i;
    }
    kept[bucket + 1] = chosen;
    before = chosen;
  }
  kept[most - 1] = length - 1;
  return kept;
}
