/** Bars of the fused accuracy with one modality disturbed. */
import type { ReportData } from '../report-data.ts';
import { drawChart, percent, tip, tooltipStyle } from './charts.ts';
import { isMethodShown } from './state.ts';
import { offerValues } from './value-table.ts';

export function drawRobustness({ robustness, methods: order }: ReportData): void {
  const { conditions } = robustness;
  for (const { modality, methods } of robustness.byModality) {
    const key = `robustness/${modality}`;
    const shown = () => methods.filter(({ method }) => isMethodShown(method));
    drawChart(key, (theme, { width }) => ({
      grid: { left: 4, right: 6, top: 14, bottom: 4, containLabel: true },
      xAxis: {
        type: 'category',
        data: conditions.map((name) => name.replace(' ', width < 420 ? '\n' : ' ')),
        axisLabel: { color: theme.quiet, fontSize: 12, interval: 0, lineHeight: 15 },
        axisLine: { lineStyle: { color: theme.line } },
        axisTick: { show: false },
      },
      yAxis: {
        type: 'value',
        min: 0,
        max: 1,
        interval: 0.25,
        axisLabel: {
          color: theme.quiet,
          fontSize: 12,
          formatter: (value: number) => `${String(Math.round(100 * value))} %`,
        },
        splitLine: { lineStyle: { color: theme.faint } },
      },
      tooltip: {
        ...tooltipStyle(theme),
        trigger: 'axis',
        axisPointer: { type: 'shadow', shadowStyle: { color: theme.line, opacity: 0.3 } },
        formatter: (points: readonly { dataIndex: number }[]) => {
          const i = points[0]?.dataIndex ?? 0;
          return tip(
            conditions[i] ?? '',
            shown().map(({ method, accuracy }) => [method, percent(accuracy[i])]),
          );
        },
      },
      series: shown().map(({ method, accuracy }) => ({
        name: method,
        type: 'bar',
        data: accuracy,
        barMaxWidth: 26,
        barGap: '10%',
        barCategoryGap: '28%',
        itemStyle: { color: theme.methods[order.indexOf(method) % theme.methods.length] },
        emphasis: { disabled: true },
      })),
    }));
    offerValues(key, () => ({
      head: ['Method', ...conditions],
      rows: shown().map(({ method, accuracy }) => [method, ...accuracy.map(percent)]),
    }));
  }
}
