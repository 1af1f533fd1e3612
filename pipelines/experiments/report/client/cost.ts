/** Scatter plots of accuracy against what a training takes. */
import {
  drawChart,
  percent,
  tip,
  tooltipStyle,
  valueAxis,
  wholePercent,
} from '../../../evaluation/report/client/charts.ts';
import { classMark } from '../../../evaluation/report/client/theme.ts';
import { offerValues } from '../../../evaluation/report/client/value-table.ts';
import type { CostPoint, ExperimentData } from '../experiment-data.ts';

const COSTS = [
  { key: 'cost/seconds', unit: 'seconds', of: ({ seconds }: CostPoint) => seconds },
  { key: 'cost/memory', unit: 'MiB', of: ({ peakMemoryMiB }: CostPoint) => peakMemoryMiB },
] as const;

export function drawCost({ cost }: ExperimentData): void {
  for (const { key, unit, of } of COSTS) {
    const points = cost.flatMap((point) => {
      const value = of(point);
      return value === null ? [] : [{ point, value }];
    });
    const nameOf = ({ method, where }: CostPoint) => (where === '' ? method : `${method} (${where})`);
    drawChart(key, (theme) => ({
      grid: { left: 4, right: 24, top: 22, bottom: 26, containLabel: true },
      xAxis: {
        ...valueAxis(theme),
        scale: true,
        boundaryGap: ['8%', '14%'],
        name: unit,
        nameLocation: 'middle',
        nameGap: 26,
        nameTextStyle: { color: theme.quiet, fontSize: 12 },
      },
      yAxis: { ...valueAxis(theme, wholePercent), scale: true, boundaryGap: ['8%', '12%'] },
      tooltip: {
        ...tooltipStyle(theme),
        formatter: ({ seriesIndex }: { seriesIndex: number }) => {
          const at = points[seriesIndex];
          if (at === undefined) return '';
          return tip(nameOf(at.point), [
            ['accuracy', percent(at.point.accuracy)],
            [unit, at.value.toFixed(0)],
          ]);
        },
      },
      series: points.map(({ point, value }) => {
        const mark = classMark(point.index, theme);
        return {
          type: 'scatter',
          data: [[value, point.accuracy]],
          symbol: mark.symbol.echarts,
          symbolSize: 11,
          itemStyle: { color: mark.colour },
          label: {
            show: point.where === '',
            formatter: point.method,
            position: 'top',
            color: theme.ink,
            fontSize: 12,
            textBorderColor: theme.ground,
            textBorderWidth: 3,
          },
          labelLayout: { hideOverlap: true, moveOverlap: 'shiftY' },
        };
      }),
    }));
    offerValues(key, () => ({
      head: ['Method', 'Accuracy', unit],
      rows: points.map(({ point, value }) => [nameOf(point), percent(point.accuracy), value.toFixed(0)]),
    }));
  }
}
