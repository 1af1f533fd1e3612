/** Turns records of trainings into the series the page draws. Pure. */
import type { MethodName } from '../../../schemas/config/methods.ts';
import type { Modality } from '../../../schemas/modality.ts';
import type { UmapPoint } from '../umap-table.ts';
import { packPoints } from './packed-points.ts';
import type { ReportInput, TrainingRecord } from './read-report-input.ts';
import {
  LAYOUT_STEPS,
  type LayoutOfSpace,
  type PackedPoints,
  type ReportData,
  type Robustness,
  type Series,
  type TrainingCurves,
} from './report-data.ts';
import { bestRow, spreadOf } from './summarise.ts';

/** Points of all layouts together, so that the page stays under 5 MB; 5⅓ or 6⅔ bytes each. */
const POINT_BUDGET = 400_000;
const BALANCE_QUANTITIES = ['rho', 'lambda', 'coefficient'] as const;

export function chartData({ manifest, config, summary, trainings }: ReportInput): ReportData {
  const modalities = config.extraction.modalities;
  const methods = [...new Set(trainings.map(({ evaluation }) => evaluation.method))];
  const best = bestRow(summary)?.method;
  const layouts = trainings.length * (modalities.length + 1) * 2;
  const pointsEach = Math.max(20, Math.floor(POINT_BUDGET / layouts));
  return {
    classNames: manifest.classNames,
    modalities,
    methods,
    shown: Math.max(
      0,
      trainings.findIndex(({ evaluation }) => evaluation.method === best),
    ),
    curves: trainings.map((training) => curvesOf(training, modalities)),
    robustness: robustnessOf(trainings, methods, modalities),
    confusion: methods.map((method) => ({
      method,
      counts: sumOf(
        trainings
          .filter(({ evaluation }) => evaluation.method === method)
          .map((one) => one.evaluation.confusion),
      ),
    })),
    ...(hasMore(trainings, pointsEach) ? { layoutLimit: pointsEach } : {}),
    layouts: trainings.map(({ evaluation: { method, seed }, umap }) => ({
      method,
      seed,
      spaces: [...modalities, 'fused' as const].flatMap((space) =>
        layoutOf(space, umap, manifest.classNames.length, pointsEach),
      ),
    })),
  };
}

function curvesOf({ evaluation, metrics }: TrainingRecord, modalities: readonly Modality[]): TrainingCurves {
  const heads = ['fused' as const, ...modalities];
  return {
    method: evaluation.method,
    seed: evaluation.seed,
    epochs: metrics.map(({ epoch }) => epoch),
    loss: series(metrics.map(({ loss }) => loss)),
    accuracy: heads.map((head) => {
      const of = (accuracy: (typeof metrics)[number]['train'] | undefined): number | undefined =>
        head === 'fused' ? accuracy?.fused : accuracy?.branches[head];
      return {
        head,
        train: series(metrics.map(({ train }) => of(train))),
        test: series(metrics.map(({ test }) => of(test))),
      };
    }),
    balance: BALANCE_QUANTITIES.flatMap((quantity) =>
      modalities.flatMap((modality) => {
        const values = series(metrics.map((one) => one[quantity]?.[modality]));
        return values.some((value) => value !== null) ? [{ quantity, modality, values }] : [];
      }),
    ),
  };
}

function robustnessOf(
  trainings: readonly TrainingRecord[],
  methods: readonly MethodName[],
  modalities: readonly Modality[],
): Robustness {
  const evaluations = trainings.map(({ evaluation }) => evaluation);
  const levels = [...new Set(evaluations.flatMap(({ noised }) => noised.map(({ level }) => level)))].sort(
    (a, b) => a - b,
  );
  const droppable = evaluations.some(({ dropped }) => Object.keys(dropped).length > 0);
  return {
    conditions: [
      'intact',
      ...levels.map((level) => `noise ${String(level)}`),
      ...(droppable ? ['dropped'] : []),
    ],
    byModality: modalities.map((modality) => ({
      modality,
      methods: methods.map((method) => {
        const own = evaluations.filter((one) => one.method === method);
        const mean = (values: readonly (number | undefined)[]): number | undefined => {
          const known = values.filter((value) => value !== undefined);
          return known.length === 0 ? undefined : spreadOf(known).mean;
        };
        const atLevel = (level: number) =>
          mean(
            own.map(
              ({ noised }) =>
                noised.find((one) => one.modality === modality && one.level === level)?.scores.accuracy,
            ),
          );
        return {
          method,
          accuracy: series([
            mean(own.map(({ fused }) => fused.accuracy)),
            ...levels.map(atLevel),
            ...(droppable ? [mean(own.map(({ dropped }) => dropped[modality]?.accuracy))] : []),
          ]),
        };
      }),
    })),
  };
}

function layoutOf(
  space: Modality | 'fused',
  umap: readonly UmapPoint[],
  classes: number,
  limit: number,
): LayoutOfSpace[] {
  const all = umap.filter((point) => point.space === space);
  if (all.length === 0) return [];
  const x = scaler(all.map((point) => point.x));
  const y = scaler(all.map((point) => point.y));
  const pointsOf = (split: string): PackedPoints => {
    const shown = thin(
      all.filter((point) => point.split === split),
      limit,
    );
    return packPoints(
      shown.map((point) => ({ x: x(point.x), y: y(point.y), label: point.label })),
      classes,
    );
  };
  return [{ space, train: pointsOf('train'), test: pointsOf('test') }];
}

function scaler(values: readonly number[]): (value: number) => number {
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  return (value) =>
    high > low ? Math.round(((value - low) / (high - low)) * LAYOUT_STEPS) : LAYOUT_STEPS >> 1;
}

/** Whether a plot of some layout would have more points than `limit`. */
function hasMore(trainings: readonly TrainingRecord[], limit: number): boolean {
  return trainings.some(({ umap }) => {
    const counts = new Map<string, number>();
    for (const { space, split } of umap)
      counts.set(`${space}/${split}`, (counts.get(`${space}/${split}`) ?? 0) + 1);
    return Math.max(0, ...counts.values()) > limit;
  });
}

/** At most `limit` items, evenly spaced. */
function thin<T>(items: readonly T[], limit: number): T[] {
  if (items.length <= limit) return [...items];
  return items.filter(
    (_, i) => Math.floor((i * limit) / items.length) !== Math.floor(((i - 1) * limit) / items.length),
  );
}

function sumOf(matrices: readonly (readonly (readonly number[])[])[]): number[][] {
  return (matrices[0] ?? []).map((row, i) =>
    row.map((_, j) => matrices.reduce((sum, matrix) => sum + (matrix[i]?.[j] ?? 0), 0)),
  );
}

/** Four decimals are more than a pixel. */
function series(values: readonly (number | undefined)[]): Series {
  return values.map((value) => (value === undefined ? null : Math.round(value * 1e4) / 1e4));
}
