/** `GET /api/stores/<store>/trainings` and `…/curves?id=…&id=…&points=…&from=…&to=…` */
import type { Hono } from 'hono';
import { findStored } from '../../../pipelines/store/stored-json.ts';
import { storePaths } from '../../../schemas/names.ts';
import { trainingResultSchema } from '../../../schemas/training.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import type { TrainingCurves } from '../../wire.ts';
import type { UiContext } from '../context.ts';
import { Kept } from '../kept.ts';
import { notThere } from '../problems.ts';
import { isName } from '../stores.ts';
import { findTrainings } from './find-trainings.ts';
import { MetricsTable } from './metrics-table.ts';
import { MOST_POINTS, thinCurves, type StepRange } from './thin-curves.ts';

const MOST_COMPARED = 12;
const LEAST_POINTS = 50;

export function curveRoutes(app: Hono, { stores }: UiContext): void {
  const tables = new Kept<MetricsTable>(24);

  app.get('/api/stores/:store/trainings', async (c) =>
    c.json(await findTrainings(stores.get(c.req.param('store')))),
  );

  app.get('/api/stores/:store/curves', async (c) => {
    const store = stores.get(c.req.param('store'));
    const ids = [...new Set(c.req.queries('id') ?? [])].filter(isName).slice(0, MOST_COMPARED);
    if (ids.length === 0) throw notThere('a training');
    const points = Math.min(
      MOST_POINTS,
      Math.max(LEAST_POINTS, Math.round(Number(c.req.query('points') ?? MOST_POINTS)) || MOST_POINTS),
    );
    const range = { from: numberOf(c.req.query('from')), to: numberOf(c.req.query('to')) };
    const read = ids.map(async (id) => {
      const table = await tables.get(`${store.uri}\n${id}`, () =>
        Promise.resolve(new MetricsTable(store, id)),
      );
      await table.refresh();
      return await curvesOf(store, id, table, points, range);
    });
    return c.json(await Promise.all(read));
  });
}

async function curvesOf(
  store: Store,
  trainingId: string,
  table: MetricsTable,
  points: number,
  range: StepRange,
): Promise<TrainingCurves> {
  const end = table.rows - 1;
  const last = table.names.flatMap((name) => {
    const value = table.column(name)?.[end];
    return value === undefined || !Number.isFinite(value) ? [] : [[name, value] as const];
  });
  // One of another release is no reason to show no curves.
  const result = await findStored(store, storePaths.trainingResult(trainingId), trainingResultSchema).catch(
    () => undefined,
  );
  const { peakMemoryMiB, engine, device } = result?.environment ?? {};
  return {
    trainingId,
    step: table.column('step')?.[end] ?? 0,
    epoch: table.column('epoch')?.[end] ?? 0,
    lines: table.rows,
    curves: thinCurves(table, points, range),
    last: Object.fromEntries(last),
    ...(peakMemoryMiB === undefined ? {} : { peakMemoryMiB }),
    ...(engine === undefined ? {} : { engine: device === undefined ? engine : `${engine}, ${device}` }),
  };
}

function numberOf(text: string | undefined): number | undefined {
  const number = Number(text);
  return text === undefined || !Number.isFinite(number) ? undefined : number;
}
