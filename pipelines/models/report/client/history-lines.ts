/** Line charts over versions or windows. */
import {
  categoryAxis,
  drawChart,
  percent,
  tip,
  tooltipStyle,
  valueAxis,
  wholePercent,
} from '../../../evaluation/report/client/charts.ts';
import type { Option } from '../../../evaluation/report/client/echarts.ts';
import type { Theme } from '../../../evaluation/report/client/theme.ts';
import { offerValues } from '../../../evaluation/report/client/value-table.ts';
import type { HistoryLine, LineChart } from '../history-data.ts';

const plain = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : value.toFixed(3);

/** So that the line of reference is not the chart's edge. */
const ABOVE_REFERENCE = 1.2;

export function drawHistoryLines(chart: LineChart): void {
  const format = chart.unit === 'share' ? percent : plain;
  drawChart(chart.key, (theme) => optionOf(chart, format, theme));
  const marked = chart.lines.find(({ marks }) => marks !== undefined);
  offerValues(chart.key, () => ({
    head: [
      chart.axis.name,
      ...chart.lines.map(({ name }) => name),
      ...(marked === undefined ? [] : ['gate']),
    ],
    rows: chart.axis.labels.map((label, i) => [
      label,
      ...chart.lines.map(({ values }) => format(values[i])),
      ...(marked === undefined ? [] : [marked.marks?.[i]?.note ?? '']),
    ]),
  }));
}

function optionOf(
  { axis, unit, from, reference, lines }: LineChart,
  format: (value: number | null | undefined) => string,
  theme: Theme,
): Option {
  return {
    grid: { left: 4, right: 26, top: 26, bottom: 26, containLabel: true },
    xAxis: { ...categoryAxis(theme, axis.labels, axis.name), boundaryGap: axis.labels.length <= 2 },
    yAxis: {
      ...valueAxis(theme, unit === 'share' ? wholePercent : undefined),
      ...(from === undefined ? { scale: true, boundaryGap: ['10%', '10%'] } : { min: from }),
      ...(unit === 'share' ? { minInterval: 0.01 } : {}),
      // Nothing: ECharts chooses.
      max: ({ max }: { max: number }) =>
        reference !== undefined && max < reference ? reference * ABOVE_REFERENCE : undefined,
    },
    tooltip: {
      ...tooltipStyle(theme),
      trigger: 'axis',
      axisPointer: { lineStyle: { color: theme.quiet } },
      formatter: (points: readonly { dataIndex: number }[]) => {
        const i = points[0]?.dataIndex ?? 0;
        const notes = lines.flatMap(({ marks }) => {
          const note = marks?.[i]?.note ?? '';
          return note === '' ? [] : [['gate', note] as const];
        });
        return tip(`${axis.name} ${axis.labels[i] ?? ''}`, [
          ...lines.map(({ name, values }) => [name, format(values[i])] as const),
          ...notes,
        ]);
      },
    },
    series: [
      ...lines.map((line) => seriesOf(line, theme)),
      ...(reference === undefined ? [] : [referenceAt(reference, axis.labels.length, theme)]),
    ],
  };
}

function seriesOf(
  { name, colour, style, values, marks }: HistoryLine,
  theme: Theme,
): Record<string, unknown> {
  const color = theme.methods[colour % theme.methods.length];
  return {
    name,
    type: 'line',
    data: values.map((value, i) => {
      const mark = marks?.[i];
      if (mark === undefined) return value;
      return {
        value,
        itemStyle: { color: mark.filled ? color : theme.ground, borderColor: color, borderWidth: 2 },
        label: {
          show: mark.label !== '',
          formatter: mark.label,
          color: theme.ink,
          fontSize: 12,
          textBorderColor: theme.ground,
          textBorderWidth: 3,
        },
      };
    }),
    symbol: 'circle',
    symbolSize: marks === undefined ? 5 : 10,
    showAllSymbol: true,
    itemStyle: { color },
    lineStyle: { color, width: style === 'solid' ? 2.25 : 1.5, type: style },
    connectNulls: true,
    emphasis: { disabled: true },
    z: style === 'solid' ? 4 : 3,
  };
}

function referenceAt(level: number, points: number, theme: Theme): Record<string, unknown> {
  return {
    type: 'line',
    data: Array.from({ length: points }, () => null),
    silent: true,
    markLine: {
      silent: true,
      symbol: 'none',
      label: { show: false },
      lineStyle: { color: theme.quiet, type: 'dotted', width: 1 },
      data: [{ yAxis: level }],
    },
  };
}
