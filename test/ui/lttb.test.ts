/** Thinning against another implementation, written from the thesis's pseudo code, and against what must hold of any curve. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lttb } from '../../ui/server/curves/lttb.ts';

type Point = readonly [x: number, y: number];

/** S. Steinarsson 2013, algorithm 4.2, by lists of points and the determinant's formula. */
function reference(points: readonly Point[], threshold: number): Point[] {
  if (points.length <= threshold) return [...points];
  const inner = points.slice(1, -1);
  const width = inner.length / (threshold - 2);
  const buckets = Array.from({ length: threshold - 2 }, (_, i) =>
    inner.slice(Math.floor(i * width), Math.floor((i + 1) * width)),
  );
  const all: Point[][] = [[points[0]!], ...buckets, [points.at(-1)!]];
  const kept: Point[] = [points[0]!];
  for (let i = 1; i < all.length - 1; i += 1) {
    const next = all[i + 1]!;
    const c: Point = [
      next.reduce((sum, [x]) => sum + x, 0) / next.length,
      next.reduce((sum, [, y]) => sum + y, 0) / next.length,
    ];
    const a = kept.at(-1)!;
    const areas = all[i]!.map(
      (b) => 0.5 * Math.abs((a[0] - c[0]) * (b[1] - a[1]) - (a[0] - b[0]) * (c[1] - a[1])),
    );
    kept.push(all[i]![areas.indexOf(Math.max(...areas))]!);
  }
  return [...kept, points.at(-1)!];
}

const curve = (length: number, value: (i: number) => number): Point[] =>
  Array.from({ length }, (_, i) => [10 * i, value(i)]);
const thin = (points: readonly Point[], most: number): Point[] => {
  const kept = lttb(
    points.map(([x]) => x),
    points.map(([, y]) => y),
    most,
  );
  return Array.from(kept, (i) => points[i]!);
};

describe('largest triangle three buckets', () => {
  it.each([
    ['a wave', curve(5_000, (i) => Math.sin(i / 40) + Math.sin(i / 3) / 5), 200],
    ['a falling loss with a jump', curve(10_007, (i) => Math.exp(-i / 900) + (i === 6_003 ? 4 : 0)), 333],
    ['few points too many', curve(12, (i) => (i * 7) % 5), 11],
    ['three of them', curve(100, (i) => (i * 31) % 17), 3],
  ] as const)('keeps of %s the points of the other implementation', (_name, points, most) => {
    expect(thin(points, most)).toEqual(reference(points, most));
  });

  it('of any curve keeps so many points, the first, the last, and none twice', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 400 }),
        fc.integer({ min: 3, max: 120 }),
        (values, most) => {
          const kept = [
            ...lttb(
              values.map((_, i) => i),
              values,
              most,
            ),
          ];
          expect(kept).toHaveLength(Math.min(most, values.length));
          expect(kept[0]).toBe(0);
          expect(kept.at(-1)).toBe(values.length - 1);
          expect(kept.every((place, i) => i === 0 || place > kept[i - 1]!)).toBe(true);
        },
      ),
    );
  });

  it('shows a single spike among a million points', () => {
    const x = Float64Array.from({ length: 1_000_000 }, (_, i) => i);
    const y = new Float64Array(1_000_000);
    y[613_207] = 9;
    expect([...lttb(x, y, 2_000)]).toContain(613_207);
  });
});
