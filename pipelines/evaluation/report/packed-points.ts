/** Points of a layout as text that is short in a page: four characters for the place, four thirds (or eight) for the class. */

import { BYTE_CLASSES, LAYOUT_STEPS, type PackedPoints } from './report-data.ts';

export function packPoints(
  points: readonly { readonly x: number; readonly y: number; readonly label: number }[],
  classes: number,
): PackedPoints {
  const width = classes > BYTE_CLASSES ? 2 : 1;
  const places = Buffer.alloc(3 * points.length);
  const labels = Buffer.alloc(width * points.length);
  points.forEach(({ x, y, label }, i) => {
    places.writeUIntBE(x * (LAYOUT_STEPS + 1) + y, 3 * i, 3);
    labels.writeUIntLE(label, width * i, width);
  });
  return { count: points.length, places: places.toString('base64'), labels: labels.toString('base64') };
}
