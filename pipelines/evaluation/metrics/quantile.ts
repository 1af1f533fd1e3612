/**
 * Linear between order statistics (NumPy's default).
 *
 * @param sorted ascending, at least one
 * @param share in 0…1
 */
export function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  return low + (place - below) * ((sorted[below + 1] ?? low) - low);
}
