/** Curves of the accuracy by method over the conditions, in the order that the experiment names them. */
import {
  categoryAxis,
  drawChart,
  percent,
  tip,
  tooltipStyle,
  valueAxis,
  wholePercent,
} from '../../../evaluation/report/client/charts.ts';
import { classMark } from '../../../evaluation/report/client/theme.ts';
import { offerValues } from '../../../evaluation/report/client/value-table.ts';
import type { ExperimentData } from '../experiment-data.ts';

export function drawCurves({ curves }: ExperimentData): void {
  if (curves === undefined) return;
  const { conditions, charts } = curves;
  for (const [at, { methods }] of charts.entries()) {
    const key = `conditions/${String(at)}`;
    drawChart(key, (theme, { width }) => ({
      grid: { left: 4, right: width < 420 ? 70 : 110, top: 14, bottom: 4, containLabel: true },
      xAxis: {
        ...categoryAxis(theme, conditions),
        boundaryGap: false,
        axisLabel: {
          ...{ color: theme.quiet, fontSize: 12, interval: 0, lineHeight: 15, hideOverlap: true },
          ...{ overflow: 'break', width: Math.max(48, (width - 160) / conditions.length) },
        },
      },
      yAxis: { ...valueAxis(theme, wholePercent), scale: true },
      tooltip: {
        ...tooltipStyle(theme),
        trigger: 'axis',
        formatter: (points: readonly { dataIndex: number }[]) => {
          const i = points[0]?.dataIndex ?? 0;
          return tip(
            conditions[i] ?? '',
            methods.map(({ method, accuracy }) => [method, percent(accuracy[i])]),
          );
        },
      },
      series: methods.map(({ method, index, accuracy }) => {
        const mark = classMark(index, theme);
        return {
          name: method,
          type: 'line',
          data: accuracy,
          connectNulls: true,
          symbol: mark.symbol.echarts,
          symbolSize: 9,
          itemStyle: { color: mark.colour },
          lineStyle: { color: mark.colour, width: 2 },
          endLabel: { show: true, formatter: method, color: theme.ink, fontSize: 12, distance: 8 },
          labelLayout: { moveOverlap: 'shiftY' },
          emphasis: { disabled: true },
        };
      }),
    }));
    offerValues(key, () => ({
      head: ['Method', ...conditions],
      rows: methods.map(({ method, accuracy }) => [method, ...accuracy.map(percent)]),
    }));
  }
}
