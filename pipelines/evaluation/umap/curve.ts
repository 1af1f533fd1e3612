/** The curve 1 / (1 + a·d²ᵇ) that stands for a membership at distance d in the plane. */

/** Points the curve is fitted at, over 0…`REACH`, as umap-learn does (its `spread` is 1). */
const SAMPLES = 300;
const REACH = 3;
const MOST_STEPS = 200;

export interface Curve {
  readonly a: number;
  readonly b: number;
}

/**
 * Least squares (Levenberg–Marquardt) to 1 up to `minDist` and exp(minDist − d) beyond.
 *
 * @param minDist ≥ 0
 */
export function fitCurve(minDist: number): Curve {
  const distances = Array.from({ length: SAMPLES }, (_, i) => (REACH * i) / (SAMPLES - 1));
  const targets = distances.map((d) => (d < minDist ? 1 : Math.exp(minDist - d)));
  let [a, b, damping] = [1, 1, 1e-3];
  let error = squaredError(distances, targets, a, b);
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const { aa, ab, bb, ra, rb } = normalEquations(distances, targets, a, b);
    const [da, db] = [aa * (1 + damping), bb * (1 + damping)];
    const determinant = da * db - ab * ab;
    const moveA = (ra * db - rb * ab) / determinant;
    const moveB = (rb * da - ra * ab) / determinant;
    const tried = squaredError(distances, targets, a + moveA, b + moveB);
    if (!(tried <= error)) {
      damping *= 10;
      if (damping > 1e12) break;
      continue;
    }
    [a, b, damping] = [a + moveA, b + moveB, damping / 10];
    const gained = error - tried;
    error = tried;
    if (gained <= 1e-15 * error) break;
  }
  return { a, b };
}

function normalEquations(
  distances: readonly number[],
  targets: readonly number[],
  a: number,
  b: number,
): { aa: number; ab: number; bb: number; ra: number; rb: number } {
  let [aa, ab, bb, ra, rb] = [0, 0, 0, 0, 0];
  distances.forEach((d, i) => {
    if (d === 0) return;
    const power = d ** (2 * b);
    const value = 1 / (1 + a * power);
    const byA = -power * value * value;
    const byB = -2 * a * Math.log(d) * power * value * value;
    const residual = targets[i]! - value;
    aa += byA * byA;
    ab += byA * byB;
    bb += byB * byB;
    ra += byA * residual;
    rb += byB * residual;
  });
  return { aa, ab, bb, ra, rb };
}

function squaredError(
  distances: readonly number[],
  targets: readonly number[],
  a: number,
  b: number,
): number {
  if (a <= 0 || b <= 0) return Infinity;
  return distances.reduce((sum, d, i) => sum + (targets[i]! - 1 / (1 + a * d ** (2 * b))) ** 2, 0);
}
