/** Tails of the distributions that the tests need. Pure. */
import { bisect } from './bisect.ts';

/** Lanczos, g = 7, 9 coefficients: about 15 digits. */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** ln Γ(x), x > 0. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const z = x - 1;
  const sum = LANCZOS.reduce((all, c, i) => (i === 0 ? c : all + c / (z + i)), 0);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

const EPSILON = 1e-15;
const MOST_TERMS = 10_000;

/** P(X > x) of χ² with `df` degrees of freedom: the regularised upper incomplete gamma function Q(df/2, x/2). */
export function chiSquareTail(x: number, df: number): number {
  if (x <= 0) return 1;
  const [a, z] = [df / 2, x / 2];
  const scale = Math.exp(-z + a * Math.log(z) - logGamma(a));
  if (z < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < MOST_TERMS && Math.abs(term) > Math.abs(sum) * EPSILON; n += 1) {
      term *= z / (a + n);
      sum += term;
    }
    return 1 - sum * scale;
  }
  // Lentz's continued fraction.
  const tiny = 1e-300;
  let b = z + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let h = d;
  for (let n = 1; n < MOST_TERMS; n += 1) {
    const an = -n * (n - a);
    b += 2;
    d = 1 / nonZero(an * d + b, tiny);
    c = nonZero(b + an / c, tiny);
    h *= d * c;
    if (Math.abs(d * c - 1) < EPSILON) break;
  }
  return scale * h;
}

function nonZero(value: number, tiny: number): number {
  return Math.abs(value) < tiny ? tiny : value;
}

/** Φ(x) by the tail of χ² with one degree of freedom. */
export function normalCdf(x: number): number {
  const tail = chiSquareTail(x * x, 1) / 2;
  return x < 0 ? tail : 1 - tail;
}

const LIMIT = 8.5;
const STEPS = 1_000;

/** P(range of k standard normals ≤ q) = k ∫ φ(z) (Φ(z + q) − Φ(z))^(k−1) dz, by Simpson's rule. */
export function normalRangeCdf(q: number, k: number): number {
  const step = (2 * LIMIT) / STEPS;
  let sum = 0;
  for (let i = 0; i <= STEPS; i += 1) {
    const z = -LIMIT + i * step;
    const weight = i === 0 || i === STEPS ? 1 : i % 2 === 1 ? 4 : 2;
    const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
    sum += weight * density * (normalCdf(z + q) - normalCdf(z)) ** (k - 1);
  }
  return (k * sum * step) / 3;
}

/** The quantile of the studentised range at infinitely many degrees of freedom, by bisection. */
export function normalRangeQuantile(p: number, k: number): number {
  return bisect(0, 20, (q) => normalRangeCdf(q, k) < p);
}
