/** The other half of `packed-points.ts`, in the page. */
import { BYTE_CLASSES, LAYOUT_STEPS, type PackedPoints } from '../report-data.ts';

/** @returns `[x, y]` of each class's points */
export function unpackPoints({ count, places, labels }: PackedPoints, classes: number): [number, number][][] {
  const byClass = Array.from({ length: classes }, (): [number, number][] => []);
  const [place, label] = [atob(places), atob(labels)];
  const width = classes > BYTE_CLASSES ? 2 : 1;
  for (let i = 0; i < count; i += 1) {
    const bits =
      (place.charCodeAt(3 * i) << 16) | (place.charCodeAt(3 * i + 1) << 8) | place.charCodeAt(3 * i + 2);
    const k = label.charCodeAt(width * i) | (width === 2 ? label.charCodeAt(2 * i + 1) << 8 : 0);
    byClass[k]?.push([bits >> 12, bits & LAYOUT_STEPS]);
  }
  return byClass;
}
