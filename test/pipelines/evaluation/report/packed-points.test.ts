import { expect, it } from 'vitest';
import { unpackPoints } from '../../../../pipelines/evaluation/report/client/unpack-points.ts';
import { packPoints } from '../../../../pipelines/evaluation/report/packed-points.ts';
import { LAYOUT_STEPS } from '../../../../pipelines/evaluation/report/report-data.ts';

it.each([3, 400])('points of a layout come back from the page’s text, with %i classes', (classes) => {
  const points = Array.from({ length: 1_000 }, (_, i) => ({
    x: (i * 37) % (LAYOUT_STEPS + 1),
    y: i === 0 ? LAYOUT_STEPS : (i * 101) % (LAYOUT_STEPS + 1),
    label: (i * 7) % classes,
  }));
  const packed = packPoints(points, classes);
  const wanted = Array.from({ length: classes }, (_, k) =>
    points.filter(({ label }) => label === k).map(({ x, y }) => [x, y]),
  );
  expect(unpackPoints(packed, classes)).toEqual(wanted);
  expect((packed.places.length + packed.labels.length) / points.length).toBeLessThan(7);
});
