/** Mean ranks with the critical difference (Demšar, 2006), turned on its side: a row a method, so that many fit. */
import { drawChart, tip, tooltipStyle, valueAxis } from '../../../evaluation/report/client/charts.ts';
import { offerValues } from '../../../evaluation/report/client/value-table.ts';
import type { ExperimentData } from '../experiment-data.ts';

const KEY = 'ranking';
/** Between the last rank and the first bar, and between bars, in shares of the axis. */
const BAR_GAP = 0.035;
/** Ranks that are named on the axis lie so far apart. */
const RANK_STEPS = [1, 2, 5, 10, 20];
const MOST_RANK_LABELS = 10;

export function drawRanking({ ranking }: ExperimentData): void {
  if (ranking === undefined) return;
  const { methods, ranks, criticalDifference, groups } = ranking;
  const half = criticalDifference / 2;
  const low = Math.min(1, ...ranks.map((rank) => rank - half));
  const high = Math.max(methods.length, ...ranks.map((rank) => rank + half));
  const gap = BAR_GAP * (high - low);
  drawChart(KEY, (theme) => {
    const line = (
      from: readonly [number, number],
      to: readonly [number, number],
      width: number,
      color: string,
    ) => ({
      type: 'line',
      data: [from, to],
      symbol: 'none',
      silent: true,
      lineStyle: { color, width, cap: 'round' },
      z: 2,
    });
    return {
      grid: { left: 4, right: 8, top: 6, bottom: 26, containLabel: true },
      xAxis: {
        ...valueAxis(theme),
        min: Math.floor(low * 10) / 10,
        max: high + gap * (groups.length + 1),
        interval: RANK_STEPS.find((step) => methods.length / step <= MOST_RANK_LABELS) ?? 50,
        name: 'mean rank (1 is best)',
        nameLocation: 'middle',
        nameGap: 26,
        nameTextStyle: { color: theme.quiet, fontSize: 12 },
        axisLabel: {
          color: theme.quiet,
          fontSize: 12,
          showMinLabel: false,
          showMaxLabel: false,
          formatter: (value: number) =>
            Number.isInteger(value) && value >= 1 && value <= methods.length ? String(value) : '',
        },
      },
      yAxis: {
        type: 'category',
        inverse: true,
        data: methods,
        axisLabel: { color: theme.ink, fontSize: 13, interval: 0 },
        axisLine: { show: false },
        axisTick: { show: false },
      },
      tooltip: {
        ...tooltipStyle(theme),
        formatter: ({ dataIndex }: { dataIndex: number }) =>
          tip(methods[dataIndex] ?? '', [
            ['mean rank', ranks[dataIndex]?.toFixed(2) ?? ''],
            ['interval', `± ${half.toFixed(2)}`],
          ]),
      },
      series: [
        ...ranks.map((rank, i) => line([rank - half, i], [rank + half, i], 2, theme.line)),
        ...groups.map(([from, to], i) =>
          line([high + gap * (i + 1), from], [high + gap * (i + 1), to], 4, theme.quiet),
        ),
        {
          type: 'scatter',
          data: ranks.map((rank, i) => [rank, i]),
          symbolSize: 10,
          itemStyle: { color: theme.methods[0] },
          z: 4,
        },
      ],
    };
  });
  offerValues(KEY, () => ({
    head: ['Method', 'Mean rank', 'Interval'],
    rows: methods.map((method, i) => [
      method,
      ranks[i]?.toFixed(2) ?? '',
      `${((ranks[i] ?? 0) - half).toFixed(2)} … ${((ranks[i] ?? 0) + half).toFixed(2)}`,
    ]),
  }));
}
