/** Bars of the fused accuracy with one modality disturbed. */
import type { ReportData } from '../report-data.ts';
import { categoryAxis, drawChart, percent, tip, tooltipStyle, valueAxis, wholePercent } from './charts.ts';
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
        ...categoryAxis(
          theme,
          conditions.map((name) => name.replace(' ', width < 420 ? '\n' : ' ')),
        ),
        axisLabel: { color: theme.quiet, fontSize: 12, interval: 0, lineHeight: 15 },
      },
      yAxis: { ...valueAxis(theme, wholePercent), min: 0, max: 1, interval: 0.25 },
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
