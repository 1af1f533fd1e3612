/** Stacked bars: the classes among the clips of each window. */
import {
  categoryAxis,
  drawChart,
  percent,
  tip,
  tooltipStyle,
  valueAxis,
  wholePercent,
} from '../../../evaluation/report/client/charts.ts';
import { isClassChosen } from '../../../evaluation/report/client/state.ts';
import { classMark } from '../../../evaluation/report/client/theme.ts';
import { offerValues } from '../../../evaluation/report/client/value-table.ts';
import type { HistoryData } from '../history-data.ts';

const KEY = 'drift/classes';
/** Of a class that is not among the chosen ones. */
const FAINT = 0.18;

export function drawClassShares({ classNames, classShares }: HistoryData): void {
  if (classShares === undefined) return;
  const { columns, shares } = classShares;
  drawChart(KEY, (theme) => ({
    grid: { left: 4, right: 14, top: 14, bottom: 26, containLabel: true },
    xAxis: categoryAxis(theme, columns, 'window'),
    yAxis: { ...valueAxis(theme, wholePercent), min: 0, max: 1, interval: 0.25 },
    tooltip: {
      ...tooltipStyle(theme),
      formatter: ({ seriesIndex, dataIndex }: { seriesIndex: number; dataIndex: number }) =>
        tip(columns[dataIndex] === 'before' ? 'Before' : `Window ${String(columns[dataIndex])}`, [
          [classNames[seriesIndex] ?? '', percent(shares[seriesIndex]?.[dataIndex])],
        ]),
    },
    series: shares.map((values, k) => ({
      type: 'bar',
      stack: 'classes',
      data: values,
      barMaxWidth: 48,
      itemStyle: {
        color: classMark(k, theme).colour,
        opacity: isClassChosen(k) ? 1 : FAINT,
        borderColor: theme.ground,
        borderWidth: classNames.length <= 40 ? 1 : 0,
      },
      emphasis: { disabled: true },
    })),
  }));
  offerValues(KEY, () => ({
    head: ['Class', ...columns.map((column) => (column === 'before' ? column : `window ${column}`))],
    rows: classNames.map((name, k) => [name, ...columns.map((_, i) => percent(shares[k]?.[i]))]),
  }));
}
