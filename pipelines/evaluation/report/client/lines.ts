/** Line charts over epochs: accuracy, loss, ρ, λ and k, one colour a method, mean over the seeds. */
import type { ReportData, Series, TrainingCurves } from '../report-data.ts';
import { categoryAxis, drawChart, percent, tip, tooltipStyle, valueAxis, wholePercent } from './charts.ts';
import type { Option } from './echarts.ts';
import { isMethodShown } from './state.ts';
import type { Theme } from './theme.ts';
import { offerValues } from './value-table.ts';

interface LineSource {
  readonly key: string;
  readonly solid: (curves: TrainingCurves) => Series | undefined;
  /** Absent: no second line. */
  readonly dashed?: (curves: TrainingCurves) => Series | undefined;
  readonly names: readonly [string, string];
  readonly format: (value: number | null | undefined) => string;
  readonly axis: Readonly<Record<string, unknown>>;
  readonly axisFormat?: (value: number) => string;
  /** A level to compare with, drawn as a thin line. */
  readonly reference?: number | undefined;
}

interface MethodLines {
  readonly method: string;
  readonly colour: number;
  readonly solid: readonly MeanPoint[];
  readonly dashed: readonly MeanPoint[];
}

interface MeanPoint {
  readonly mean: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

const plain = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : value.toFixed(3);
const accuracyAxis = { min: 0, max: 1, interval: 0.25 };

const BALANCE = [
  ['rho', { symbol: 'ρ', axis: { min: 0 }, reference: 1 }],
  ['lambda', { symbol: 'λ', axis: { min: 0.5, max: 1, interval: 0.1 }, reference: undefined }],
  ['coefficient', { symbol: 'k', axis: { min: 0, max: 1, interval: 0.25 }, reference: undefined }],
] as const;
/** About as many epochs are named on an axis. */
const EPOCH_LABELS = 6;

export function drawLines(data: ReportData): void {
  for (const head of ['fused' as const, ...data.modalities]) {
    const of = (curves: TrainingCurves) => curves.accuracy.find((one) => one.head === head);
    draw(data, {
      key: `accuracy/${head}`,
      solid: (curves) => of(curves)?.test,
      dashed: (curves) => of(curves)?.train,
      names: ['test', 'train'],
      format: percent,
      axis: accuracyAxis,
      axisFormat: wholePercent,
    });
  }
  draw(data, {
    key: 'loss',
    solid: (curves) => curves.loss,
    names: ['loss', ''],
    format: plain,
    axis: { min: 0 },
  });
  for (const [quantity, { symbol, axis, reference }] of BALANCE) {
    for (const modality of data.modalities) {
      draw(data, {
        key: `${quantity}/${modality}`,
        solid: (curves) =>
          curves.balance.find((one) => one.quantity === quantity && one.modality === modality)?.values,
        names: [symbol, ''],
        format: plain,
        axis,
        reference,
      });
    }
  }
}

function draw(data: ReportData, source: LineSource): void {
  const epochs = [...new Set(data.curves.flatMap((curves) => curves.epochs))].sort((a, b) => a - b);
  const lines = data.methods.map((method, colour): MethodLines => {
    const own = data.curves.filter((curves) => curves.method === method);
    return {
      method,
      colour,
      solid: meanOver(epochs, own, source.solid),
      dashed: source.dashed === undefined ? [] : meanOver(epochs, own, source.dashed),
    };
  });
  const drawn = lines.filter(({ solid, dashed }) => [...solid, ...dashed].some(({ mean }) => mean !== null));
  drawChart(source.key, (theme) => optionOf(epochs, drawn, source, theme));
  offerValues(source.key, () => {
    const shown = drawn.filter(({ method }) => isMethodShown(method));
    const columns = shown.flatMap(({ method, solid, dashed }) => [
      { name: `${method} ${source.names[0]}`, points: solid },
      ...(dashed.length > 0 ? [{ name: `${method} ${source.names[1]}`, points: dashed }] : []),
    ]);
    return {
      head: ['Epoch', ...columns.map(({ name }) => name)],
      rows: epochs.map((epoch, i) => [
        String(epoch),
        ...columns.map(({ points }) => source.format(points[i]?.mean)),
      ]),
    };
  });
}

function meanOver(
  epochs: readonly number[],
  trainings: readonly TrainingCurves[],
  pick: (curves: TrainingCurves) => Series | undefined,
): MeanPoint[] {
  return epochs.map((epoch) => {
    const values = trainings.flatMap((curves) => pick(curves)?.[curves.epochs.indexOf(epoch)] ?? []);
    if (values.length === 0) return { mean: null, low: null, high: null };
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return { mean, low: Math.min(...values), high: Math.max(...values) };
  });
}

function optionOf(
  epochs: readonly number[],
  lines: readonly MethodLines[],
  source: LineSource,
  theme: Theme,
): Option {
  const shown = lines.filter(({ method }) => isMethodShown(method));
  const few = epochs.length <= 2;
  const series = shown.flatMap(({ method, colour, solid, dashed }) => {
    const color = theme.methods[colour % theme.methods.length];
    const line = (points: readonly MeanPoint[], type: 'solid' | 'dashed') => ({
      name: method,
      type: 'line',
      data: points.map(({ mean }) => mean),
      showSymbol: few,
      symbolSize: 7,
      lineStyle: { color, width: type === 'solid' ? 2.25 : 1.5, type, opacity: type === 'solid' ? 1 : 0.75 },
      itemStyle: { color },
      connectNulls: true,
      emphasis: { disabled: true },
      z: type === 'solid' ? 4 : 3,
    });
    return [
      ...bandOf(method, solid, color),
      line(solid, 'solid'),
      ...(dashed.length > 0 ? [line(dashed, 'dashed')] : []),
    ];
  });
  const reference = source.reference;
  return {
    grid: { left: 4, right: 14, top: 14, bottom: 26, containLabel: true },
    xAxis: {
      ...categoryAxis(theme, epochs, 'epoch'),
      boundaryGap: few,
      axisLabel: {
        color: theme.quiet,
        fontSize: 12,
        interval: (i: number) => isEpochNamed(i, epochs.length),
      },
    },
    yAxis: { ...valueAxis(theme, source.axisFormat), ...source.axis },
    tooltip: {
      ...tooltipStyle(theme),
      trigger: 'axis',
      axisPointer: { lineStyle: { color: theme.quiet } },
      formatter: (points: readonly { dataIndex: number }[]) => {
        const i = points[0]?.dataIndex ?? 0;
        return tip(
          `Epoch ${String(epochs[i])}`,
          shown.flatMap(({ method, solid, dashed }) => [
            [`${method} ${source.names[0]}`, source.format(solid[i]?.mean)] as const,
            ...(dashed.length > 0
              ? [[`${method} ${source.names[1]}`, source.format(dashed[i]?.mean)] as const]
              : []),
          ]),
        );
      },
    },
    series:
      reference === undefined
        ? series
        : [
            ...series,
            {
              type: 'line',
              data: epochs.map(() => null),
              silent: true,
              markLine: {
                silent: true,
                symbol: 'none',
                label: { show: false },
                lineStyle: { color: theme.quiet, type: 'dotted', width: 1 },
                data: [{ yAxis: reference }],
              },
            },
          ],
  };
}

/** The first epoch and round ones: 1, 5, 10, …; 1, 20, 40, …. */
function isEpochNamed(index: number, epochs: number): boolean {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((one) => epochs / one <= EPOCH_LABELS) ?? 1000;
  return index === 0 || (index + 1) % step === 0;
}

/** From the lowest to the highest seed, as an invisible line with a filled one stacked upon it. */
function bandOf(method: string, points: readonly MeanPoint[], color: string | undefined): unknown[] {
  if (points.every(({ low, high }) => low === high)) return [];
  const part = (data: readonly (number | null)[], opacity: number) => ({
    name: method,
    type: 'line',
    data,
    stack: `band/${method}`,
    stackStrategy: 'all',
    symbol: 'none',
    silent: true,
    lineStyle: { opacity: 0 },
    areaStyle: { color, opacity },
    emphasis: { disabled: true },
    z: 1,
  });
  return [
    part(
      points.map(({ low }) => low),
      0,
    ),
    part(
      points.map(({ low, high }) => (low === null || high === null ? null : high - low)),
      0.13,
    ),
  ];
}
