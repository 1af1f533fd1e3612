/**
 * Where `isBelow` turns from true to false.
 *
 * @param steps halvings of the range
 */
export function bisect(from: number, to: number, isBelow: (value: number) => boolean, steps = 60): number {
  let [low, high] = [from, to];
  for (let step = 0; step < steps; step += 1) {
    const middle = (low + high) / 2;
    if (isBelow(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
